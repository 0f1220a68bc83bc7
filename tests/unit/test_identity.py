"""The pure parts of who may come in: scopes, tokens, words, PINs, and counting a flood."""

import itertools
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.identity import CHEAP, DEARER

from mishkah.core.errors import Invalid, InvalidRow
from mishkah.core.ids import StoreId
from mishkah.identity import audit, pins, words
from mishkah.identity.audit import Entry, Flood
from mishkah.identity.hasher import RFC_9106_LOW_MEMORY, Hasher
from mishkah.identity.scopes import kept_scopes, narrowed, places, read_scopes
from mishkah.identity.tables import is_simple, manages
from mishkah.identity.tokens import as_typed, is_secret, new_code, new_token, split_token
from mishkah.testing import NOON
from mishkah.who import ANY, Scope, Who

NAMES = ["a", "ab", "abc", "b", "ba", "c:1"]
STORES = [StoreId(b, m) for b, m in itertools.product(NAMES, NAMES)]
patterns = st.lists(
    st.sampled_from([*NAMES, "*", "a*", "ab*", "b*", "c:*"]), min_size=1, max_size=3
)
roles = st.sampled_from(["owner", "manager", "cashier"])
scopes = st.lists(
    st.builds(Scope, roles, patterns.map(tuple), patterns.map(tuple)), max_size=4
).map(tuple)
narrowing = st.lists(
    st.builds(Scope, roles | st.just(ANY), patterns.map(tuple), patterns.map(tuple)), max_size=4
).map(tuple)


def role(scopes: tuple[Scope, ...], store: StoreId) -> str | None:
    return Who(scopes=scopes).role_in(store)


@given(scopes, narrowing)
def test_narrowed_scopes_are_what_both_say_in_every_store(
    mine: tuple[Scope, ...], to: tuple[Scope, ...]
) -> None:
    left = narrowed(mine, to)
    for store in STORES:
        had, asked = role(mine, store), role(to, store)
        if had is None or asked is None:
            expected = None
        elif asked in (ANY, had):
            expected = had
        else:
            expected = asked if had == "owner" else None
        assert role(left, store) == expected, store


@given(scopes, scopes)
def test_at_a_place_the_role_is_ones_own(mine: tuple[Scope, ...], to: tuple[Scope, ...]) -> None:
    left = narrowed(mine, places(to))
    for store in STORES:
        assert role(left, store) == (role(mine, store) if role(to, store) else None)


def test_a_role_that_is_narrowed_away_lets_no_later_one_through() -> None:
    mine = (Scope("cashier", ("dar",)), Scope("manager"))
    left = narrowed(mine, (Scope("manager"),))
    assert role(left, StoreId("dar", "pos")) is None
    assert role(left, StoreId("gim", "pos")) == "manager"


@given(scopes)
def test_scopes_are_read_as_they_were_kept(some: tuple[Scope, ...]) -> None:
    assert read_scopes(kept_scopes(some)) == some


@pytest.mark.parametrize(
    "kept",
    [
        None, "owner", {}, [1], [{}], [{"role": ""}], [{"role": "*"}], [{"role": "a b"}],
        [{"role": "owner", "branches": []}], [{"role": "owner", "branches": "*"}],
        [{"role": "owner", "branches": ["**"]}], [{"role": "owner", "branches": ["a*b"]}],
        [{"role": "owner", "branches": ["../*"]}], [{"role": "owner", "modules": ["_house"]}],
        [{"role": "owner", "other": 1}], [{"role": "owner"}] * 17,
        [{"role": "owner", "modules": ["m"] * 17}],
    ],
)  # fmt: skip
def test_scopes_that_are_not_well_formed_are_refused(kept: object) -> None:
    with pytest.raises(Invalid):
        read_scopes(kept)


def test_who_manages_is_an_owner_of_everything_and_no_device() -> None:
    owner = (Scope("owner"),)
    assert manages(Who(user="mona", scopes=owner))
    assert not manages(Who(user="mona", device="till", scopes=owner))
    assert not manages(Who(scopes=(Scope("manager"), *owner)))
    assert not manages(Who(scopes=(Scope("owner", ("a*", "b*")),)))
    assert not manages(Who())


def test_a_token_is_split_into_what_it_was_made_of() -> None:
    for _ in range(200):  # the secret may hold the sign that separates
        token = new_token()
        identifier, secret = split_token(token.text)
        assert identifier == token.id
        assert is_secret(secret, token.hash)
        assert not is_secret(secret + "x", token.hash)
        assert not is_secret(secret, None)


def test_codes_and_tokens_are_new_each_time_and_codes_can_be_read_aloud() -> None:
    assert len({new_token().text for _ in range(1000)}) == 1000
    codes = {new_code().text for _ in range(1000)}
    assert len(codes) == 1000
    assert not set("".join(codes)) & set("01OIL")
    assert as_typed(" abcd-efgh ") == as_typed("ABCD EFGH") == "ABCDEFGH"


@pytest.mark.parametrize(
    ("name", "simple"),
    [("amal", True), ("a", True), ("a.b-c_9", True), ("a" * 32, True), ("a" * 33, False),
     ("", False), ("Amal", False), ("a b", False), (".a", False), ("a/b", False), ("a:b", False),
     ("a\n", False), ("أمل", False), ("٣", False)],
)  # fmt: skip
def test_names_to_sign_in_with_are_simple(name: str, simple: bool) -> None:
    assert is_simple(name) is simple


@pytest.mark.parametrize(
    "password", ["", "seven77", "x" * 257, "password", "PassWord1", "aaaaaaaa", "abababab",
                 "mona.sami", "１２３４５６７８"],
)  # fmt: skip
def test_passwords_that_anybody_would_try_are_refused(password: str) -> None:
    with pytest.raises(InvalidRow):
        words.check_password(password, "mona.sami")


@pytest.mark.parametrize(
    "password", ["correct horse", "قهوة بدون سكر", "        a  b  c", "x1" * 9 + "y"]
)
def test_length_is_what_makes_a_password(password: str) -> None:
    assert words.check_password(password, "amal") == password


@pytest.mark.parametrize("pin", ["", "123", "123456789", "12a4", "1111", "1234", "4321", "7890",
                                 "-123", "12 34", "²³⁴⁵"])  # fmt: skip
def test_pins_are_digits_that_nobody_would_try_first(pin: str) -> None:
    with pytest.raises(InvalidRow):
        words.check_pin(pin)


def test_a_pin_may_be_typed_in_arabic_digits() -> None:
    assert words.check_pin("٤٧١١") == words.check_pin("۴۷۱۱") == "4711"


def test_what_is_far_too_long_is_cut_before_it_costs_anything() -> None:
    assert len(words.plain("ﷺ" * 10**6)) < 10**5
    assert words.plain("x" * 10**6) != words.plain("x" * words.MAX_PASSWORD)
    assert len(words.digits("1" * 10**6)) == 64


def test_what_is_noted_is_one_plain_line() -> None:
    assert words.noted(None) is None
    assert words.noted("a\r\nb\x00\x1b\u2028\u202e\ud800c") == "abc"
    assert words.noted("x" * 1000) == "x" * 64


def test_locks_double_up_to_an_hour() -> None:
    locks = [pins.lock_seconds({"a": n}) for n in (1, 4, 5, 6, 10, 11, 12, 10**6)]
    assert locks == [0, 0, 60, 120, 1920, 3600, 3600, 3600]
    assert pins.lock_seconds({"a": 2, "": 3}) == 60


def test_a_right_pin_forgets_the_failures_of_its_own_person_alone() -> None:
    device = {"pin_failures": None, "pin_failed_at": None, "locked_until": None}
    for name in ("amal", "mona", "amal"):
        device |= pins.failures_after(device, name, NOON)
    assert pins.without(device, "amal")["pin_failures"] == {"mona": 1}
    later = pins.failures_after(device, "mona", NOON + timedelta(days=1))
    assert later["pin_failures"] == {"mona": 1}


def failure(address: str = "a", event: str = "login-failed") -> Entry:
    return Entry(event=event, address=address, failure=True)


def test_the_first_failures_of_a_minute_are_rows_and_the_others_are_counted() -> None:
    flood, success = Flood(), Entry(event="login")
    taken = [flood.take(failure(), 0.0) for _ in range(1000)]
    assert taken == [[failure()]] * audit.ROWS_IN_WINDOW + [[]] * (1000 - audit.ROWS_IN_WINDOW)
    assert flood.take(success, 1.0) == [success], "what is no failure is never only counted"
    (counted, new) = flood.take(failure("b"), audit.WINDOW)
    assert (counted.event, counted.address) == ("login-failed", "a")
    assert counted.count == 1000 - audit.ROWS_IN_WINDOW
    assert new == failure("b")
    assert flood.due(10 * audit.WINDOW) == []


def test_counting_tells_few_addresses_apart_and_loses_none() -> None:
    flood = Flood()
    for i in range(500):
        flood.take(failure(f"10.0.0.{i}"), 0.0)
    rows = flood.due(audit.WINDOW)
    assert len(rows) == audit.ADDRESSES + 1
    assert sum(row.count for row in rows) == 500 - audit.ROWS_IN_WINDOW


def test_the_parameters_are_those_that_the_standard_recommends() -> None:
    wanted = RFC_9106_LOW_MEMORY
    assert (wanted.time_cost, wanted.memory_cost, wanted.parallelism) == (3, 65536, 4)
    assert (wanted.salt_len, wanted.hash_len, wanted.type.name) == (16, 32, "ID")


async def test_hashes_are_worked_out_in_threads_and_tell_right_from_wrong() -> None:
    hasher = Hasher(CHEAP)
    kept = await hasher.hash("one")
    assert kept != await hasher.hash("one"), "salted"
    assert await hasher.verify(kept, "one")
    assert not await hasher.verify(kept, "two")
    assert not await hasher.verify(None, "nobody has this")
    assert not await hasher.verify("no hash", "one")
    assert not hasher.outdated(kept)
    assert Hasher(DEARER).outdated(kept)
