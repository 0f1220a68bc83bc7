"""How fast things may go on, and that a crowd is remembered in so much memory."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mishkah.pace import Pace, Paces

pauses = st.lists(st.floats(0, 3), min_size=1, max_size=60)
rates = st.floats(0.1, 20)


@given(rates, pauses)
def test_no_more_pass_than_the_rate_and_two_seconds_worth(rate: float, steps: list[float]) -> None:
    pace, now = Pace(rate, 0.0), 0.0
    passed: list[float] = []
    for pause in steps:
        now += pause
        if pace.ask(now) == 0:
            passed.append(now)
    for n, since in enumerate(passed):
        for m, until in enumerate(passed[n:], 1):
            assert m <= max(2 * rate, 1) + rate * (until - since) + 1e-6


@given(rates, pauses)
def test_who_comes_back_when_told_passes(rate: float, steps: list[float]) -> None:
    pace, now = Pace(rate, 0.0), 0.0
    for pause in steps:
        now += pause
        if seconds := pace.ask(now):
            assert pace.ask(now + seconds + 1e-6) == 0
            now += seconds + 1e-6


@given(rates, pauses)
def test_in_line_each_waits_for_those_before_it(rate: float, steps: list[float]) -> None:
    pace, now, last = Pace(rate, 0.0), 0.0, 0.0
    for pause in steps:
        now += pause
        turn = now + pace.step(now)
        assert turn >= last - 1e-6
        last = turn


def test_a_request_that_is_refused_takes_no_place_in_line() -> None:
    pace = Pace(1, 0.0)
    assert [pace.ask(0.0) for _ in range(4)] == [0, 0, 1, 1]
    assert pace.step(1.0) == 0


def test_one_thing_passes_however_low_the_rate() -> None:
    pace = Pace(0.1, 0.0)
    assert pace.ask(0.0) == 0
    assert pace.ask(0.0) == 10


def test_all_who_share_a_key_share_its_pace() -> None:
    paces = Paces(1)
    assert [paces.of("a", 0.0).ask(0.0) for _ in range(3)] == [0, 0, 1]
    assert paces.of("b", 0.0).ask(0.0) == 0


def test_those_that_have_rested_are_forgotten() -> None:
    paces = Paces(10)
    for n in range(100):
        paces.of(n, 0.0).step(0.0)
    assert len(paces) == 100
    paces.of("new", 1.0).step(1.0)
    assert len(paces) == 1


def test_who_has_not_rested_is_not_forgotten() -> None:
    paces = Paces(1)
    for _ in range(10):
        paces.of("a", 0.0).step(0.0)
    paces.of("b", 5.0).step(5.0)
    assert paces.of("a", 5.0).ask(5.0) == pytest.approx(4)


def test_a_crowd_of_addresses_takes_so_much_memory_and_who_goes_on_is_remembered() -> None:
    paces = Paces(1, most=10)
    for n in range(1000):
        paces.of("busy", 0.0).step(0.0)
        paces.of(n, 0.0).step(0.0)
        assert len(paces) <= 10
    assert paces.of("busy", 0.0).ask(0.0) > 990
