"""Watching frames' heads pass: no bound is found too late, however the bytes are cut."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mishkah.core.frames import POLICY_VIOLATION, PROTOCOL_ERROR, TOO_BIG, Watch

MAX_MESSAGE, MAX_FRAGMENTS = 300, 4


def sent(opcode: int, size: int, masked: bool = True, fin: bool = True, wide: int = 0) -> bytes:
    """Return one frame as a client sends it; *wide* says its length in 2 or 8 bytes anyway."""
    mask = 0x80 if masked else 0
    if wide == 8 or size >= 1 << 16:
        length = bytes((mask | 127,)) + size.to_bytes(8)
    elif wide == 2 or size >= 126:
        length = bytes((mask | 126,)) + size.to_bytes(2)
    else:
        length = bytes((mask | size,))
    return (
        bytes((0x80 * fin | opcode,))
        + length
        + b"mask" * masked
        + b"\x81\xff" * (size // 2)
        + (b"\x00" * (size % 2))
    )


def watch(stream: bytes, cuts: list[int] = []) -> tuple[bytes, Any]:  # noqa: B006  # not changed
    """Return (what passes, the violation as a pair or None) of *stream* fed in these pieces."""
    watching = Watch(MAX_MESSAGE, MAX_FRAGMENTS)
    passed = b""
    for begin, end in pairwise([0, *cuts, len(stream)]):
        passed += watching.passes(stream[begin:end])
        if (no := watching.violation) is not None:
            return passed, (no.code, no.reason)
    return passed, None


FRAMES = st.lists(
    st.builds(
        sent,
        st.sampled_from([0, 0, 0, 1, 1, 2, 8, 9, 10]),
        st.sampled_from([0, 0, 1, 5, 100, 125, 126, 200, 301]),
        st.sampled_from([True] * 9 + [False]),
        st.booleans(),
        st.sampled_from([0, 0, 2, 8]),
    ),
    max_size=8,
)


@given(FRAMES, st.data())
def test_however_the_bytes_are_cut_the_verdict_is_the_same(
    frames: list[bytes], data: st.DataObject
) -> None:
    stream = b"".join(frames)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=20)))
    whole, verdict = watch(stream)
    pieces, again = watch(stream, cuts)
    assert again == verdict
    assert stream.startswith(whole)
    assert pieces.startswith(whole)
    assert len(pieces) - len(whole) < 14, "at most part of the guilty head slips through"
    if verdict is None:
        assert whole == pieces == stream


@given(FRAMES)
def test_byte_by_byte_is_a_cut_like_any_other(frames: list[bytes]) -> None:
    stream = b"".join(frames)
    assert watch(stream, list(range(1, len(stream))))[1] == watch(stream)[1]


@given(FRAMES)
def test_what_passes_ends_with_the_last_lawful_frame(frames: list[bytes]) -> None:
    passed, verdict = watch(b"".join(frames))
    begins = [b"".join(frames[:i]) for i in range(len(frames) + 1)]
    assert passed in begins
    if verdict is not None:
        guilty = begins.index(passed) + 1
        assert watch(begins[guilty])[1] == verdict
        assert watch(passed)[1] is None


def fragments(*sizes: int) -> list[bytes]:
    """Return one message in fragments of these sizes."""
    last = len(sizes) - 1
    return [sent(1 if i == 0 else 0, size, fin=i == last) for i, size in enumerate(sizes)]


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        ([sent(1, 300)], None),
        ([sent(1, 301)], TOO_BIG),
        ([sent(2, 301)], TOO_BIG),
        ([sent(1, 300), sent(1, 300), sent(1, 300)], None),
        (fragments(100, 200), None),
        (fragments(100, 201), TOO_BIG),
        (fragments(1, 1, 1, 1), None),
        (fragments(1, 1, 1, 1, 1), POLICY_VIOLATION),
        (fragments(0, 0, 0, 0), None),
        (fragments(0, 0, 0, 0, 0), POLICY_VIOLATION),
        ([*fragments(1, 1, 1, 1), *fragments(1, 1, 1, 1)], None),
        ([fragments(1, 1)[0], *[sent(9, 5)] * 20, fragments(1, 1)[1]], None),
        ([fragments(200, 101)[0], sent(9, 125), fragments(200, 101)[1]], TOO_BIG),
        ([sent(1, 5, masked=False)], PROTOCOL_ERROR),
        ([sent(9, 5, masked=False)], PROTOCOL_ERROR),
        ([sent(1, 5, wide=8)], None),
        ([sent(1, 300), sent(0, 300)], None),
    ],
)
def test_a_message_is_bounded_in_bytes_and_in_fragments(
    frames: list[bytes], code: int | None
) -> None:
    verdict = watch(b"".join(frames))[1]
    assert (verdict and verdict[0]) == code


def test_a_length_of_exabytes_is_found_before_its_first_byte() -> None:
    head = b"\x81\xff" + (2**63 - 1).to_bytes(8) + b"mask"
    assert watch(head) == (b"", (TOO_BIG, f"a message has at most {MAX_MESSAGE} bytes"))
