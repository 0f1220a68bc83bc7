"""Failed logins: how many, of whom, for how long, and in how much memory."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mishkah.core.errors import RateLimited
from mishkah.identity.throttle import WINDOW, Failures, Throttle
from mishkah.limits import Limits

SHOP, HOME = "203.0.113.1", "198.51.100.7"


def throttle(**limits: Any) -> Throttle:
    return Throttle(Limits(**limits), Counter())


def tries(door: Throttle, address: str, name: str, now: float, count: int) -> int:
    """Fail *count* times, and return how many of them were let try."""
    passed = 0
    for _ in range(count):
        try:
            door.attempt(address, name, now)
        except RateLimited:
            continue
        passed += 1
    return passed


moments = st.lists(
    st.tuples(st.floats(0, 400), st.sampled_from("ab"), st.sampled_from("xyz")), max_size=60
)


@given(moments)
def test_in_no_window_do_more_failures_pass_than_may(steps: list[tuple[float, str, str]]) -> None:
    door, now = throttle(logins=6, user_logins=5), 0.0
    passed: list[tuple[float, str, str]] = []
    for pause, address, name in steps:
        now += pause
        try:
            door.attempt(address, name, now)
        except RateLimited:
            continue
        passed.append((now, address, name))
    for since, *_ in passed:
        window = [one for one in passed if since <= one[0] < since + WINDOW]
        assert max(Counter(address for _, address, _ in window).values()) <= 6
        assert max(Counter(name for _, _, name in window).values()) <= 5
        assert max(Counter(one[1:] for one in window).values()) <= 3


@given(moments)
@example([(1.0511251140772657, "a", "x"), (0.0, "a", "x"), (127.0, "a", "x")])
def test_who_waits_as_long_as_was_said_may_try(steps: list[tuple[float, str, str]]) -> None:
    door, now = throttle(logins=4, user_logins=5), 0.0
    for pause, address, name in steps:
        now += pause
        try:
            door.attempt(address, name, now)
        except RateLimited as limited:
            now += limited.retry_ms / 1000
            door.attempt(address, name, now)


@given(
    st.lists(
        st.tuples(
            st.floats(0, 100),
            st.integers(0, 50),
            st.integers(0, 50),
            st.booleans(),
        ),
        max_size=200,
    )
)
def test_a_crowd_of_addresses_and_names_takes_so_much_memory(
    steps: list[tuple[float, int, int, bool]],
) -> None:
    door, now = Throttle(Limits(), Counter(), most=10), 0.0
    for pause, address, name, right in steps:
        now += pause
        try:
            door.attempt(f"{address}", f"{name}" * 1000, now)
        except RateLimited:
            continue
        if right:
            door.succeeded(f"{address}", f"{name}" * 1000, now)
        assert len(door) <= 4 * 10


def test_what_is_counted_is_what_is_kept() -> None:
    """However it was forgotten: by time, by success, or by too many."""
    failures = Failures(3, most=4)
    for key, now in (("a", 0.0), ("a", 1.0), ("b", 2.0), ("c", 3.0)):
        failures.add(key, now)
    assert len(failures) == 4
    failures.add("d", 4.0)
    assert len(failures) == 3, "all of a, which is quiet for longest"
    failures.take_back("b", 2.0)
    failures.take_back("b", 2.0)
    failures.take_back("c", 2.5)
    assert len(failures) == 2
    failures.clear("c")
    failures.clear("nobody")
    assert len(failures) == 1
    assert failures.wait("d", 4.0 + WINDOW) == 0
    assert len(failures) == 0


def test_who_goes_on_trying_is_not_quiet() -> None:
    """So that nobody gets new tries by a crowd that pushes their old ones out."""
    failures = Failures(2, most=4)
    failures.add("attacker", 0.0)
    failures.add("attacker", 1.0)
    for n in range(20):
        assert failures.wait("attacker", 2.0) > 0
        failures.add(n, 2.0)
    assert failures.wait("attacker", 2.0) > 0


def test_who_fails_again_is_not_quiet() -> None:
    failures = Failures(2, most=3)
    for key, now in (("a", 0.0), ("b", 1.0), ("a", 2.0), ("c", 3.0)):
        failures.add(key, now)
    assert failures.wait("a", 3.0) > 0, "b went"


def test_a_failure_counts_for_a_quarter_of_an_hour_and_no_longer() -> None:
    failures = Failures(1)
    failures.add("a", 10.0)
    assert failures.wait("a", 909.5) == 0.5
    assert failures.wait("a", 910.0) == 0


def test_the_place_that_is_used_is_known_for_longest() -> None:
    door = Throttle(Limits(user_logins=2), Counter(), most=2)
    for now, name in enumerate(("amal", "omar", "amal", "sara")):
        door.attempt(SHOP, name, now)
        door.succeeded(SHOP, name, now)
    for name in ("amal", "omar"):
        assert tries(door, HOME, name, 5, 2) == 2
    assert tries(door, SHOP, "amal", 6, 1) == 1
    assert tries(door, SHOP, "omar", 6, 1) == 0


def test_an_attacker_at_one_address_shuts_out_nobody_elsewhere() -> None:
    door = throttle()
    assert tries(door, HOME, "amal", 0, 1000) == 10
    assert tries(door, HOME, "omar", 0, 1000) == 10
    assert tries(door, HOME, "sara", 0, 1000) == 0
    for name in ("amal", "omar", "sara"):
        door.attempt(SHOP, name, 1.0)
        door.succeeded(SHOP, name, 1.0)


def test_one_persons_mistakes_leave_tries_for_the_others_of_a_shop() -> None:
    door = throttle()
    assert tries(door, SHOP, "amal", 0, 1000) == 10
    assert tries(door, SHOP, "omar", 0, 5) == 5


def test_tries_that_are_still_judged_count_as_failed() -> None:
    """A hash takes a while: a thousand requests at once must not all be let try."""
    door = throttle()
    assert tries(door, HOME, "amal", 0, 1000) == 10
    door.succeeded(HOME, "amal", 0)
    assert tries(door, HOME, "amal", 0, 1000) == 10


def test_a_success_forgives_nothing_but_that_name_there() -> None:
    """Whoever has an account can't use it to guess at others for ever."""
    door, guessed = throttle(), 0
    for now in range(200):
        guessed += tries(door, HOME, "amal", now, 1)
        if tries(door, HOME, "omar", now, 1):
            door.succeeded(HOME, "omar", now)
    assert guessed == 10
    assert sum(tries(door, HOME, f"other{n}", 200, 1) for n in range(50)) == 10


def test_a_name_fails_so_often_from_all_addresses() -> None:
    limited: Counter[str] = Counter()
    door = Throttle(Limits(), limited)
    assert sum(tries(door, f"192.0.2.{n}", "amal", 0, 10) for n in range(200)) == 100
    assert limited == {"user_logins": 1900}
    with pytest.raises(RateLimited) as told:
        door.attempt(SHOP, "amal", 600.0)
    assert told.value.retry_ms == 300_001
    door.attempt(SHOP, "omar", 600.0)


def test_where_a_person_has_logged_in_before_strangers_elsewhere_shut_out_nobody() -> None:
    door = throttle()
    door.attempt(SHOP, "amal", 0)
    door.succeeded(SHOP, "amal", 0)
    assert sum(tries(door, f"192.0.2.{n}", "amal", 1, 10) for n in range(200)) == 100
    assert tries(door, SHOP, "amal", 2, 1000) == 10


def test_the_limits_are_counted_by_their_names() -> None:
    limited: Counter[str] = Counter()
    door = Throttle(Limits(logins=2), limited)
    assert tries(door, SHOP, "amal", 0, 3) == 1
    assert limited == {"logins": 2}


def test_a_name_may_hold_anything() -> None:
    door = throttle()
    assert tries(door, SHOP, "\ud800" * 10**6, 0, 20) == 10
    assert tries(door, SHOP, "", 0, 5) == 5
