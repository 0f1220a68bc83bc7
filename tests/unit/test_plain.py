"""Plain frames taken out of a client's bytes: whole ones, and nothing that is odd."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.frames import sent

from mishkah.core.frames import Watch
from mishkah.core.plain import PlainTexts

MOST = 70_000
TEXTS = st.one_of(
    st.text(max_size=300),
    st.sampled_from([125, 126, 127, 65_535, 65_536, MOST]).map("x".__mul__),
)


def texts(stream: bytes) -> PlainTexts:
    taken = PlainTexts(MOST)
    taken.add(stream)
    return taken


@given(st.lists(TEXTS, max_size=5))
def test_plain_frames_are_taken_in_order_and_nothing_is_left(said: list[str]) -> None:
    plain = texts(b"".join(sent(text.encode()) for text in said))
    assert [plain.take() for _ in said] == said
    assert plain.take() is None
    assert plain.leave() == b""


@pytest.mark.parametrize(
    "odd",
    [
        sent(b"ping", 0x89),
        sent(b"part", 0x01),
        sent(b"bytes", 0x82),
        sent(b"extended", 0xC1),
        sent(b"unmasked", mask=False),
        sent(b"\xff"),
        sent(b"x" * (MOST + 1)),
        b"\x81\xfe\x00\x7d" + bytes(4 + 125),
        b"\x81\xff" + (65_535).to_bytes(8) + bytes(4 + 65_535),
        b"\x81\xff" + (2**63).to_bytes(8) + bytes(4),
        b"\x81",
        b"\x81\x85\x00\x00\x00",
    ],
)
def test_what_is_odd_is_left_as_it_came(odd: bytes) -> None:
    plain = texts(sent(b"{}") + odd)
    assert plain.take() == "{}"
    assert plain.take() is None
    assert not plain.may_wait()
    assert plain.leave() == odd


def test_a_frame_in_two_pieces_is_taken_and_one_in_three_is_left() -> None:
    frame = sent("شاي".encode())
    plain = texts(frame[:9])
    assert plain.take() is None
    assert plain.may_wait(), "though its last character is not whole"
    plain.add(frame[9:] + frame[:8])
    assert plain.take() == "شاي"
    assert plain.take() is None
    assert plain.may_wait()
    plain.add(frame[8:9])
    assert plain.take() is None
    assert not plain.may_wait()
    assert plain.leave() == frame[:9]


def test_what_can_become_no_text_is_not_waited_for() -> None:
    plain = texts(sent(b"\xff and more")[:10])
    assert plain.take() is None
    assert not plain.may_wait()


@pytest.mark.parametrize(
    ("stream", "between"),
    [
        (b"", True),
        (b"\x89", False),
        (sent(b"ping", 0x89)[:-1], False),
        (sent(b"ping", 0x89), True),
        (sent(b"", 0x01), False),
        (sent(b"", 0x01) + sent(b"ping", 0x89), False),
        (sent(b"", 0x01) + sent(b"", 0x80), True),
        (sent(b"", mask=False), False),
    ],
)
def test_between_messages_is_where_another_may_read_on(stream: bytes, between: bool) -> None:
    watch = Watch(MOST, 4)
    watch.passes(stream)
    assert watch.between is between
