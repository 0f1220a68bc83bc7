"""What waits for one client: whole mails in their order, and sums that are always right."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mishkah.letters import CHUNK, Letter, Letters, joined

LETTERS = st.builds(
    Letter,
    st.tuples(st.binary(min_size=1, max_size=3)),
    listener=st.none(),
    size=st.sampled_from([0, 1, CHUNK // 2, CHUNK, 2 * CHUNK]),
    answers=st.integers(0, 2),
    held=st.integers(0, 9),
    alone=st.booleans(),
    more=st.booleans(),
)


def sums(letters: Letters) -> tuple[int, int, int]:
    return letters.size, letters.answers, letters.held


@given(st.lists(st.one_of(LETTERS, st.just("take"), st.just("clear"))))
def test_the_sums_are_those_of_what_waits(acts: list[Letter | str]) -> None:
    letters, waiting = Letters(), list[Letter]()
    for act in acts:
        if isinstance(act, Letter):
            letters.append(act)
            waiting.append(act)
        elif act == "clear":
            letters.clear()
            waiting = []
        elif waiting:
            taken = letters.take()
            assert taken == waiting[: len(taken)], "in their order"
            del waiting[: len(taken)]
        assert list(letters) == waiting
        assert sums(letters) == tuple(
            sum(getattr(one, name) for one in waiting) for name in ("size", "answers", "held")
        )
    assert sums(Letters(waiting)) == sums(letters)


@given(st.lists(LETTERS, min_size=1))
def test_a_mail_is_one_letter_or_as_many_as_a_chunk_holds(waiting: list[Letter]) -> None:
    letters = Letters(waiting)
    one_mail = letters.go_together()
    taken = letters.take()
    size = sum(letter.size for letter in taken)
    assert len(taken) == 1 or (size <= CHUNK and all(letter.joins for letter in taken))
    following = next(iter(letters), None)
    assert following is None or not (
        taken[0].joins and following.joins and size + following.size <= CHUNK
    ), "another would have had room"
    if one_mail:
        assert (taken, len(letters)) == (waiting, 0)


@pytest.mark.parametrize("letter", [Letter((b"b",), alone=True), Letter((b"b",), more=True)])
def test_what_is_sent_alone_parts_what_waits(letter: Letter) -> None:
    letters = Letters([Letter((b"a", b"a")), letter, Letter((b"c",))])
    assert not letters.go_together()
    assert [joined(letters.take()) for _ in range(3)] == [b"aa", b"b", b"c"]


def test_frames_that_fill_a_chunk_do_not_go_together_with_more() -> None:
    assert Letters([Letter((b"",), CHUNK)]).go_together()
    assert not Letters([Letter((b"",), CHUNK), Letter((b"",), 1)]).go_together()
