"""People who sign in with a password."""

import re
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import trio
from support.identity import (
    AMAL,
    CASHIER,
    DEARER,
    MONA,
    OWNER,
    CountingHasher,
    Place,
    after,
    inline,
    open_place,
)

from mishkah.core.errors import (
    AuthExpired,
    AuthRequired,
    Busy,
    Forbidden,
    InvalidRow,
    RateLimited,
    Refused,
)
from mishkah.identity.hasher import AT_ONCE, WAITING
from mishkah.identity.register import OPERATOR
from mishkah.identity.sessions import MAX_SESSIONS
from mishkah.identity.tables import IDENTITY
from mishkah.journal import MemoryJournals
from mishkah.testing import NOON


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    async with open_place() as place:
        await place.furnish()
        yield place


async def refusal_of(place: Place, user: str, password: str) -> Refused:
    with pytest.raises(AuthRequired) as refused:
        await place.identity.sessions.login(user, password, "10.0.0.1", NOON)
    return refused.value


async def test_who_signs_in_is_known_by_the_token(place: Place) -> None:
    token = await place.token("amal")
    assert re.fullmatch(r"mk_[a-z0-9]{12}_[A-Za-z0-9_-]{43}", token)
    who = place.identity.identify(token, NOON)
    assert (who.user, who.device, who.owner) == ("amal", None, "user:amal")
    assert who.scopes == CASHIER
    assert who.session == token.split("_")[1]
    assert who.expires == after(hours=12).timestamp()


@pytest.mark.parametrize("shown", [None, "", "mk_", "mk__", "nonsense", "mk_aaaa_bbbb", "a" * 9000])
async def test_what_is_no_token_lets_nobody_in(place: Place, shown: str | None) -> None:
    with pytest.raises(AuthRequired):
        place.identity.identify(shown, NOON)


async def test_a_token_with_another_secret_lets_nobody_in(place: Place) -> None:
    token, other = await place.token("amal"), await place.token("mona")
    mixed = "_".join([*token.split("_", 2)[:2], other.split("_", 2)[2]])
    for wrong in (mixed, token[:-1], token + "A", token.replace("mk_", "xx_", 1)):
        with pytest.raises(AuthRequired):
            place.identity.identify(wrong, NOON)


async def test_no_secret_is_kept_as_it_is(autojump_clock: trio.testing.MockClock) -> None:
    journals = MemoryJournals()
    async with open_place(journals) as place:
        await place.furnish()
        token = await place.token("amal")
    secret = token.split("_", 2)[2]
    kept = journals.kept[IDENTITY].history
    assert kept
    assert not any(word in str(kept) for word in (secret, AMAL, MONA, "4711"))


async def test_who_is_refused_hears_the_same_and_costs_the_same(place: Place) -> None:
    await place.identity.register.create_user(OPERATOR, "pinonly", NOON, pin="4711")
    await place.identity.register.create_user(OPERATOR, "gone", NOON, password=AMAL)
    await place.identity.register.disable_user(OPERATOR, "gone", NOON)
    said, cost = set(), set()
    for user, password in [
        ("amal", "wrong"), ("nobody", "wrong"), ("gone", AMAL), ("gone", "wrong"), ("pinonly", "x"),
        ("", ""), ("amal", "a" * 5000), ("no\ud800body", "\ud800"), ("../x", "y"), ("amal", ""),
    ]:  # fmt: skip
        before = place.hasher.hashed
        refused = await refusal_of(place, user, password)
        said.add((refused.said, refused.details, refused.code))
        cost.add(place.hasher.hashed - before)
    assert len(said) == 1
    assert cost == {1}


async def test_who_fails_too_often_waits_and_nothing_is_hashed(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with open_place(logins=8) as place:
        await place.furnish()
        for _ in range(4):
            await refusal_of(place, "amal", "wrong")
        before = place.hasher.hashed
        with pytest.raises(RateLimited) as refused:
            await place.identity.sessions.login("amal", AMAL, "10.0.0.1", NOON)
        assert refused.value.retry_ms > 0
        assert place.hasher.hashed == before
        await place.identity.sessions.login("mona", MONA, "10.0.0.1", NOON)
        await place.identity.sessions.login("amal", AMAL, "10.0.0.2", NOON)
        await trio.sleep(refused.value.retry_ms / 1000)
        await place.identity.sessions.login("amal", AMAL, "10.0.0.1", NOON)


async def test_many_guesses_at_once_are_no_more_than_one_after_another() -> None:
    async with open_place(logins=8) as place:
        await place.furnish()
        heard = []

        async def guess() -> None:
            with pytest.raises((AuthRequired, RateLimited)) as refused:
                await place.identity.sessions.login("amal", "wrong", None, NOON)
            heard.append(refused.type)

        before = place.hasher.hashed
        async with trio.open_nursery() as nursery:
            for _ in range(30):
                nursery.start_soon(guess)
        assert place.hasher.hashed - before == 4
        assert heard.count(RateLimited) == 26


async def test_a_success_is_no_failure_that_is_taken_for_one() -> None:
    async with open_place(logins=8) as place:
        await place.furnish()
        for _ in range(20):
            await place.token("amal")


async def test_who_comes_when_too_many_wait_is_told_to_come_back() -> None:
    async with open_place() as place:
        await place.furnish()
        slow, heard = trio.Event(), []

        async def hold(work: Callable[[], Any]) -> Any:
            await slow.wait()
            return work()

        async def guess() -> None:
            with pytest.raises((AuthRequired, Busy)) as refused:
                await place.identity.sessions.login("amal", "wrong", None, NOON)
            heard.append(refused.type)

        place.hasher.work = hold
        async with trio.open_nursery() as nursery:
            for _ in range(AT_ONCE + WAITING + 5):
                nursery.start_soon(guess)
            await trio.testing.wait_all_tasks_blocked()
            assert heard == [Busy] * 5
            slow.set()


async def test_a_session_ends_and_the_answer_says_so(place: Place) -> None:
    token = await place.token("amal")
    assert place.identity.identify(token, after(hours=11.9)).user == "amal"
    with pytest.raises(AuthExpired):
        place.identity.identify(token, after(hours=12))


async def test_a_session_that_is_used_lasts_on_but_not_for_ever(place: Place) -> None:
    token = await place.token("amal")
    await place.identity.sessions.renew(place.identity.identify(token, NOON), after(hours=1))
    assert place.identity.identify(token, NOON).expires == after(hours=12).timestamp(), "too early"
    hours = 0
    while hours < 24 * 31:
        hours += 7
        try:
            who = place.identity.identify(token, after(hours=hours))
        except AuthExpired:
            break
        await place.identity.sessions.renew(who, after(hours=hours))
    assert 24 * 30 <= hours <= 24 * 30 + 7


async def test_who_signs_out_is_not_known_any_more(place: Place) -> None:
    token, other = await place.token("amal"), await place.token("amal")
    await place.identity.sessions.logout(place.identity.identify(token, NOON), None, NOON)
    with pytest.raises(AuthRequired):
        place.identity.identify(token, NOON)
    assert place.identity.identify(other, NOON).user == "amal"


async def test_a_program_or_a_device_has_nothing_to_sign_out_of(place: Place) -> None:
    program = await place.identity.register.create_token(OPERATOR, "amal", NOON)
    for token in (program, await place.till()):
        who = place.identity.identify(token, NOON)
        with pytest.raises(Forbidden):
            await place.identity.sessions.logout(who, None, NOON)
        with pytest.raises(Forbidden):
            await place.identity.sessions.change_password(who, AMAL, "something new", None, NOON)


async def test_a_new_password_ends_the_other_sessions(place: Place) -> None:
    mine, other = await place.token("amal"), await place.token("amal")
    who = place.identity.identify(mine, NOON)
    with pytest.raises(Forbidden):
        await place.identity.sessions.change_password(who, "wrong", "something new", None, NOON)
    with pytest.raises(InvalidRow):
        await place.identity.sessions.change_password(who, AMAL, "short", None, NOON)
    await place.identity.sessions.change_password(who, AMAL, "something new", None, NOON)
    assert place.identity.identify(mine, NOON).user == "amal"
    with pytest.raises(AuthRequired):
        place.identity.identify(other, NOON)
    await refusal_of(place, "amal", AMAL)
    await place.identity.sessions.login(" Amal ", "something new", None, NOON)


async def test_a_person_has_so_many_sessions_and_the_oldest_ends(place: Place) -> None:
    tokens = [await place.token("amal") for _ in range(MAX_SESSIONS + 2)]
    for token in tokens[:2]:
        with pytest.raises(AuthRequired):
            place.identity.identify(token, NOON)
    for token in tokens[2:]:
        place.identity.identify(token, NOON)
    await place.token("amal", after(days=1))
    kept = [t for t in place.identity.register.tokens(OPERATOR) if t["user"] == "amal"]
    assert len(kept) == 1, "what is over is dropped"


async def test_a_password_is_hashed_anew_where_its_parameters_are_old(
    autojump_clock: trio.testing.MockClock,
) -> None:
    journals = MemoryJournals()
    async with open_place(journals) as place:
        await place.furnish()
    async with open_place(journals, CountingHasher(DEARER)) as place:
        for hashed in (2, 1):
            before = place.hasher.hashed
            await place.token("amal")
            assert place.hasher.hashed - before == hashed


@pytest.mark.parametrize("how", ["disabled", "password"])
async def test_what_is_changed_while_a_password_is_tried_counts(place: Place, how: str) -> None:
    async def meanwhile(work: Callable[[], Any]) -> Any:
        place.hasher.work = inline
        register = place.identity.register
        async with trio.open_nursery() as nursery:
            if how == "disabled":
                nursery.start_soon(register.disable_user, OPERATOR, "amal", NOON)
            else:
                nursery.start_soon(register.set_password, OPERATOR, "amal", "quite another", NOON)
        return work()

    place.hasher.work = meanwhile
    await refusal_of(place, "amal", AMAL)


async def test_one_form_of_a_password_is_as_good_as_another(place: Place) -> None:
    await place.identity.register.set_password(OPERATOR, "amal", "cafe\u0301 noir 1", NOON)
    await place.identity.sessions.login("amal", "caf\xe9 noir 1", None, NOON)


async def test_the_audit_tells_who_came_in_and_no_word_that_was_no_name(place: Place) -> None:
    await refusal_of(place, "my secret password", "x")
    await refusal_of(place, "amal", "x")
    await place.token("amal")
    rows = place.identity.register.audit(OPERATOR, 3)
    assert [(row["event"], row["user"], row["address"]) for row in rows] == [
        ("login", "amal", "10.0.0.9"),
        ("login-failed", "amal", "10.0.0.1"),
        ("login-failed", None, "10.0.0.1"),
    ]


async def test_an_owner_is_the_first_and_the_last(autojump_clock: trio.testing.MockClock) -> None:
    async with open_place() as place:
        with pytest.raises(InvalidRow):
            await place.identity.register.create_user(
                OPERATOR, "amal", NOON, scopes=CASHIER, password=AMAL
            )
        await place.furnish()
        register = place.identity.register
        for change in (
            register.disable_user(OPERATOR, "mona", NOON),
            register.change_user(OPERATOR, "mona", NOON, name=None, scopes=CASHIER),
        ):
            with pytest.raises(InvalidRow, match="owner"):
                await change
        await register.create_user(OPERATOR, "sami", NOON, scopes=OWNER, password=MONA)
        await register.disable_user(OPERATOR, "mona", NOON)
        with pytest.raises(InvalidRow, match="owner"):
            await register.disable_user(OPERATOR, "sami", NOON)
