"""What owners keep of people, devices and programs, what is noted of it, and who is told."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from support.identity import AMAL, CASHIER, MONA, OWNER, TILL, Place, after, open_place

from mishkah.core.errors import (
    AuthExpired,
    AuthRequired,
    BrokenReference,
    Duplicate,
    Forbidden,
    InvalidRow,
    NotFound,
    StorageFull,
    StoreFailed,
)
from mishkah.core.ids import StoreId
from mishkah.core.messages import Update
from mishkah.core.schema import Schema
from mishkah.identity import audit
from mishkah.identity.register import OPERATOR
from mishkah.identity.tables import IDENTITY
from mishkah.journal import (
    Journal,
    JournalDamaged,
    JournalFailed,
    JournalFull,
    MemoryJournals,
)
from mishkah.testing import NOON, FaultyJournals
from mishkah.who import Scope, Who


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    async with open_place() as place:
        await place.furnish()
        yield place


Deed = Callable[[Place, Who], Awaitable[object]]


async def listed(rows: Any) -> None:
    await trio.lowlevel.checkpoint()


DEEDS: dict[str, Deed] = {
    "create_user": lambda p, by: p.identity.register.create_user(by, "x", NOON),
    "change_user": lambda p, by: p.identity.register.change_user(
        by, "amal", NOON, name="x", scopes=OWNER
    ),
    "change_device": lambda p, by: p.identity.register.change_device(
        by, "till-1", NOON, label="x", scopes=OWNER
    ),
    "set_password": lambda p, by: p.identity.register.set_password(by, "amal", "so very new", NOON),
    "set_pin": lambda p, by: p.identity.register.set_pin(by, "mona", "1357", NOON),
    "disable_user": lambda p, by: p.identity.register.disable_user(by, "amal", NOON),
    "enable_user": lambda p, by: p.identity.register.enable_user(by, "amal", NOON),
    "disable_device": lambda p, by: p.identity.register.disable_device(by, "till-1", NOON),
    "enable_device": lambda p, by: p.identity.register.enable_device(by, "till-1", NOON),
    "create_token": lambda p, by: p.identity.register.create_token(by, "mona", NOON),
    "create_code": lambda p, by: p.identity.devices.create_code(by, "till-2", NOON),
    "users": lambda p, by: listed(p.identity.register.users(by)),
    "devices": lambda p, by: listed(p.identity.register.devices(by)),
    "audit": lambda p, by: listed(p.identity.register.audit(by)),
}


@pytest.mark.parametrize("deed", DEEDS)
async def test_only_owners_of_everything_manage(place: Place, deed: str) -> None:
    token = await place.till()
    narrow = await place.identity.register.create_token(OPERATOR, "mona", NOON, scopes=CASHIER)
    some = [Scope("owner", ("dar",)), Scope("manager")]
    for who in (
        Who(),
        await place.signed_in("amal"),
        place.identity.identify(token, NOON),
        place.identity.identify(narrow, NOON),
        *(Who(user="x", owner="user:x", scopes=(scope,)) for scope in some),
    ):
        before = place.events()
        with pytest.raises(Forbidden):
            await DEEDS[deed](place, who)
        assert place.events() == before


@pytest.mark.parametrize(
    "deed", [name for name in DEEDS if name not in ("users", "devices", "audit")]
)
async def test_who_is_an_owner_no_more_when_their_turn_comes_has_changed_nothing(
    place: Place, deed: str, autojump_clock: trio.testing.MockClock
) -> None:
    """Hashing takes a while, and so may others who are before them."""
    register = place.identity.register
    await register.create_user(OPERATOR, "nour", NOON, scopes=OWNER, password="two words of Nour")
    token = await place.identity.sessions.login("nour", "two words of Nour", None, NOON)
    nour = place.identity.identify(token, NOON)
    await place.till()

    async def late() -> None:
        with pytest.raises(Forbidden):
            await DEEDS[deed](place, nour)

    async with trio.open_nursery() as nursery, place.identity._book.turn():
        nursery.start_soon(late)
        await trio.testing.wait_all_tasks_blocked()
        op = Update(table="user", id="nour", changes={"scopes": []})
        await place.identity._book.write([op], NOON)
        before = place.events()
    assert place.events() == before


async def test_a_person_has_their_own_tokens_and_pin(place: Place) -> None:
    amal, register = await place.signed_in("amal"), place.identity.register
    token = await register.create_token(amal, "amal", NOON, label="printer")
    program = place.identity.identify(token, NOON)
    assert (program.user, program.owner) == ("amal", f"token:{token.split('_')[1]}")
    await register.set_pin(amal, "amal", "1357", NOON)
    assert {row["user"] for row in register.tokens(amal)} == {"amal"}
    theirs = await register.create_token(OPERATOR, "mona", NOON)
    for other in (theirs.split("_")[1], "nothing"):
        with pytest.raises(NotFound):
            await register.revoke_token(amal, other, NOON)
    await register.revoke_token(amal, token.split("_")[1], NOON)
    with pytest.raises(AuthRequired):
        place.identity.identify(token, NOON)
    for deed in (
        register.create_token(program, "amal", NOON),
        register.revoke_token(program, "x", NOON),
        register.set_pin(program, "amal", "8642", NOON),
    ):
        with pytest.raises(Forbidden):
            await deed


async def test_a_token_is_narrowed_and_ends(place: Place) -> None:
    scopes = (Scope("read-only", ("dar",)),)
    token = await place.identity.register.create_token(
        OPERATOR, "mona", NOON, scopes=scopes, expires=after(days=90)
    )
    who = place.identity.identify(token, after(days=89))
    assert (who.scopes, who.expires) == (scopes, after(days=90).timestamp())
    with pytest.raises(AuthExpired):
        place.identity.identify(token, after(days=90))


async def test_a_token_is_worth_what_its_person_is(place: Place) -> None:
    token = await place.identity.register.create_token(OPERATOR, "amal", NOON, scopes=OWNER)
    assert place.identity.identify(token, NOON).role_in(StoreId("dar", "pos")) is None
    any_role = (Scope("*", ("da*",)),)
    token = await place.identity.register.create_token(OPERATOR, "amal", NOON, scopes=any_role)
    assert place.identity.identify(token, NOON).scopes == CASHIER
    await place.identity.register.change_user(OPERATOR, "amal", NOON, name=None, scopes=())
    assert place.identity.identify(token, NOON).scopes == ()
    await place.identity.register.disable_user(OPERATOR, "amal", NOON)
    with pytest.raises(AuthRequired):
        place.identity.identify(token, NOON)


async def test_what_is_not_sound_is_refused(place: Place) -> None:
    register = place.identity.register
    for user in ("", "Amal", "a b", "../x", "a" * 33, "أمل", "-x"):
        with pytest.raises(InvalidRow):
            await register.create_user(OPERATOR, user, NOON)
    with pytest.raises(InvalidRow, match="8-256"):
        await register.create_user(OPERATOR, "x", NOON, password="short")
    with pytest.raises(InvalidRow, match="4-8"):
        await register.create_user(OPERATOR, "x", NOON, pin="12a4")
    with pytest.raises(InvalidRow):
        await register.create_user(OPERATOR, "x", NOON, scopes=(Scope("*"),))
    with pytest.raises(InvalidRow):
        await register.create_token(OPERATOR, "mona", NOON, scopes=())
    with pytest.raises(Duplicate):
        await register.create_user(OPERATOR, "amal", NOON)
    with pytest.raises(BrokenReference):
        await register.create_token(OPERATOR, "nobody", NOON)
    with pytest.raises(NotFound):
        await register.set_password(OPERATOR, "nobody", "long enough", NOON)


async def test_lists_hold_no_hashes(place: Place) -> None:
    await place.token("amal")
    register = place.identity.register
    assert [(u["id"], u["password"], u["pin"]) for u in register.users(OPERATOR)] == [
        ("mona", True, True), ("amal", True, True),
    ]  # fmt: skip
    (token,) = register.tokens(OPERATOR)
    for row in (*register.users(OPERATOR), token):
        assert not {"password_hash", "pin_hash", "hash"} & row.keys()
        assert "$argon2" not in str(row)


async def test_a_password_that_an_owner_sets_ends_all_sessions(place: Place) -> None:
    token = await place.token("amal")
    await place.identity.register.set_password(OPERATOR, "amal", "quite another", NOON)
    with pytest.raises(AuthRequired):
        place.identity.identify(token, NOON)
    await place.identity.sessions.login("amal", "quite another", None, NOON)


async def woken(place: Place, deed: Callable[[], Awaitable[object]]) -> bool:
    """Tell whether *deed* wakes who waits for changes."""
    told = trio.Event()

    async def wait() -> None:
        await place.identity.changes.next()
        told.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await trio.testing.wait_all_tasks_blocked()
        await deed()
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    return told.is_set()


async def test_open_sessions_are_woken_by_what_may_end_or_change_them_alone(place: Place) -> None:
    register, devices = place.identity.register, place.identity.devices
    till = place.identity.identify(await place.till(), NOON)
    amal = await place.signed_in("amal")
    spare = await register.create_token(OPERATOR, "amal", NOON)

    async def wrong() -> None:
        with pytest.raises(AuthRequired):
            await place.identity.sessions.login("amal", "wrong", None, NOON)

    async def wrong_pin() -> None:
        with pytest.raises(Forbidden):
            await devices.act(till, "amal", "0000", None, NOON)

    quiet: list[Callable[[], Awaitable[object]]] = [
        wrong,
        wrong_pin,
        lambda: place.token("amal"),
        lambda: devices.create_code(OPERATOR, "till-9", NOON, scopes=TILL),
        lambda: register.change_user(OPERATOR, "amal", NOON, name="Amal", scopes=None),
    ]
    loud: list[Callable[[], Awaitable[object]]] = [
        lambda: devices.act(till, "amal", "4711", None, NOON),
        lambda: devices.stop_acting(till, None, NOON),
        lambda: register.revoke_token(OPERATOR, spare.split("_")[1], NOON),
        lambda: place.identity.sessions.logout(amal, None, NOON),
        lambda: register.change_user(OPERATOR, "amal", NOON, name=None, scopes=OWNER),
        lambda: register.change_device(OPERATOR, "till-1", NOON, label=None, scopes=OWNER),
        lambda: register.disable_user(OPERATOR, "amal", NOON),
        lambda: register.disable_device(OPERATOR, "till-1", NOON),
    ]
    assert [await woken(place, deed) for deed in quiet] == [False] * len(quiet)
    assert [await woken(place, deed) for deed in loud] == [True] * len(loud)


async def test_the_audit_keeps_so_many_rows_and_drops_the_oldest(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "KEPT_ROWS", 5)
    for _ in range(7):
        await place.token("amal")
    assert place.events() == ["login"] * 5


async def test_a_flood_of_failures_is_some_rows_and_a_number(
    place: Place, autojump_clock: trio.testing.MockClock
) -> None:
    for _ in range(100):
        with pytest.raises(AuthRequired):
            await place.identity.sessions.login("amal", "wrong", "10.0.0.1", NOON)
    assert place.events().count("login-failed") == audit.ROWS_IN_WINDOW
    await trio.sleep(2 * audit.WINDOW + 1)
    newest = place.identity.register.audit(OPERATOR, 1)[0]
    assert (newest["event"], newest["address"]) == ("login-failed", "10.0.0.1")
    assert newest["count"] == 100 - audit.ROWS_IN_WINDOW


async def test_refusals_and_changes_of_the_house_are_noted_in_one_plain_line(
    place: Place,
) -> None:
    amal = await place.signed_in("amal")
    place.identity.refused(amal, "FORBIDDEN", "10.0.0.1")
    place.identity.refused(amal, "INVALID", "10.0.0.1")
    await trio.testing.wait_all_tasks_blocked()
    await place.identity.happened("config", "dar/pos\r\n\x1b[2J\u202e" + "x" * 99, NOON)
    config, refused = place.identity.register.audit(OPERATOR, 2)
    assert (config["event"], config["detail"]) == ("config", "dar/pos[2J" + "x" * 54)
    assert (refused["event"], refused["detail"]) == ("refused", "FORBIDDEN")
    assert (refused["user"], refused["session"]) == ("amal", amal.session)
    assert refused["address"] == "10.0.0.1"


async def test_a_full_disk_is_said_and_lets_nobody_in(
    autojump_clock: trio.testing.MockClock,
) -> None:
    journals = FaultyJournals()
    async with open_place(journals) as place:
        await place.furnish()
        journals.refusal = JournalFull("no room")
        with pytest.raises(StorageFull):
            await place.token("amal")
        assert place.identity.register.tokens(OPERATOR) == []


async def test_who_asks_while_the_store_is_down_is_not_let_in(
    autojump_clock: trio.testing.MockClock,
) -> None:
    journals = FaultyJournals()
    async with open_place(journals) as place:
        await place.furnish()
        token = await place.token("mona")
        journals.refusal = JournalDamaged("torn")
        with pytest.raises(StoreFailed):
            await place.token("amal")
        for asked in (token, None):
            with pytest.raises(StoreFailed):
                place.identity.identify(asked, NOON)
        with pytest.raises(StoreFailed):
            await place.identity.sessions.login("mona", MONA, None, NOON)


async def test_who_goes_away_while_it_is_written_leaves_the_next_what_was_written(
    autojump_clock: trio.testing.MockClock,
) -> None:
    journals = FaultyJournals()
    async with open_place(journals) as place:
        await place.furnish()
        till = place.identity.identify(await place.till(), NOON)
        journals.seconds = 3
        with trio.move_on_after(1):
            await place.identity.devices.act(till, "mona", "0000", None, NOON)
        (device,) = place.identity.register.devices(OPERATOR)
        assert device["pin_failures"] == {"mona": 1}


async def test_a_disk_that_takes_for_ever_is_not_waited_for(
    autojump_clock: trio.testing.MockClock,
) -> None:
    journals = FaultyJournals()
    async with open_place(journals) as place:
        await place.furnish()
        journals.seconds = 1000
        with pytest.raises(StoreFailed):
            await place.identity.sessions.login("amal", AMAL, None, NOON)


@pytest.mark.parametrize(("seconds", "doubt"), [(15, None), (0, JournalFailed("torn"))])
async def test_what_was_done_and_not_known_to_be_wakes_open_sessions_too(
    autojump_clock: trio.testing.MockClock, seconds: float, doubt: Exception | None
) -> None:
    """They would go on with rights that nobody has any more."""
    journals = FaultyJournals()
    async with open_place(journals) as place:
        await place.furnish()
        amal = await place.signed_in("amal")
        journals.seconds, journals.doubt = seconds, doubt
        before = place.identity.changes.version
        with pytest.raises(StoreFailed):
            await place.identity.register.disable_user(OPERATOR, "amal", NOON)
        await trio.sleep(20)
        assert place.identity.changes.version > before
        with pytest.raises(AuthRequired):
            place.identity.again(amal.session or "", NOON)


async def test_a_commit_tells_who_made_it(autojump_clock: trio.testing.MockClock) -> None:
    journals = MemoryJournals()
    async with open_place(journals) as place:
        await place.furnish()
        mona = await place.signed_in("mona")
        await place.identity.register.disable_user(mona, "amal", NOON)
    commit = journals.kept[IDENTITY].history[-1]
    assert (commit.user, commit.session, commit.device) == ("mona", mona.session, None)


async def test_what_is_refused_while_the_store_is_open_alone_is_raised_as_it_is() -> None:
    with pytest.raises(InvalidRow):
        async with open_place() as place:
            await place.identity.register.create_user(OPERATOR, "x", NOON, password="short")


async def test_a_store_that_can_not_be_opened_lets_nobody_ask(
    autojump_clock: trio.testing.MockClock,
) -> None:
    @asynccontextmanager
    async def torn(store: StoreId, schema: Schema) -> AsyncIterator[Journal]:
        raise JournalDamaged("torn")
        yield  # it is a generator

    with pytest.raises(StoreFailed):
        async with open_place(torn):
            pytest.fail("it is open")
