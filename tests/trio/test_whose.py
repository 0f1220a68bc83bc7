"""Whose a write is: recorded with its commit, and its name belongs to nobody else."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from support.frames import read_stream
from trio.testing import MockClock

from mishkah.core.commands import decode, is_name
from mishkah.core.ids import StoreId
from mishkah.core.judging import Rules
from mishkah.core.messages import Subscribe
from mishkah.core.soundness import read_schema
from mishkah.feed import Outbox
from mishkah.journal import MemoryJournal
from mishkah.listener import Listener
from mishkah.requests import Ask, Join
from mishkah.store import Store
from mishkah.who import NOBODY, Who

FIELDS = {"id": {"type": "text", "primaryKey": True}, "n": {"type": "integer"}}
AMAL = Who(user="amal", session="k1", owner="user:amal")
AMAL_LATER = Who(user="amal", session="k7", owner="user:amal")
OMAR = Who(user="omar", session="k2", owner="user:omar")
TILL = Who(user="amal", device="till-1", session="k3", owner="device:till-1")
TILL_OF_OMAR = Who(user="omar", device="till-1", session="k3", owner="device:till-1")
PROGRAM = Who(session="k4", owner="token:k4")
OTHER_PROGRAM = Who(session="k5", owner="token:k5")
STRANGERS = [
    (AMAL, OMAR), (AMAL, TILL), (AMAL, NOBODY), (NOBODY, TILL), (PROGRAM, OTHER_PROGRAM),
]  # fmt: skip
THE_SAME = [(AMAL, AMAL_LATER), (TILL, TILL_OF_OMAR), (PROGRAM, PROGRAM), (NOBODY, NOBODY)]


class Shop:
    """A store of its own, and what is said to it."""

    def __init__(self) -> None:
        schema, problems = read_schema("m", {"tables": {"t": {"fields": FIELDS}}})
        assert schema is not None, problems
        self.journal = MemoryJournal(schema)
        self._rules = Rules(schema=schema)
        self.store: Store

    async def open(self) -> None:
        clock = datetime(2025, 10, 29, 12, tzinfo=UTC)
        state = await self.journal.load()
        self.store = Store(StoreId("shop", "m"), self._rules, state, self.journal, lambda: clock)

    async def ask(self, *asked: tuple[Who, str | None, dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the answers to what each *asked* as a client of this name, in one batch."""
        batch = []
        for who, client, message in asked:
            outbox = Outbox()
            raw = json.dumps({"ref": "r", **message})
            batch.append(
                Ask(outbox=outbox, command=decode(raw), size=len(raw), number=outbox.ask(len(raw)),
                    client=client, who=who)
            )  # fmt: skip
        await self.store.serve(batch)
        return [(await heard(ask.outbox))[0] for ask in batch]


async def heard(outbox: Outbox) -> Sequence[dict[str, Any]]:
    mail = await outbox.take()
    assert mail is not None
    return read_stream(b"".join(mail.pieces))


def insert(key: str, **row: Any) -> dict[str, Any]:
    return {"type": "INSERT", "table": "t", "data": {"id": key, **row}}


def update(key: str, ref: str, base: int, **changes: Any) -> dict[str, Any]:
    return {"type": "UPDATE", "table": "t", "id": key, "ref": ref, "base": base, "changes": changes}


@pytest.fixture
async def shop(autojump_clock: MockClock) -> Shop:
    shop = Shop()
    await shop.open()
    return shop


async def test_a_commit_records_who_asked_where_and_by_which_token(shop: Shop) -> None:
    await shop.ask((TILL, "c", insert("a")), (NOBODY, None, insert("b")))
    told = [(c.client, c.user, c.device, c.session) for c in shop.journal.history]
    assert told == [("c", "amal", "till-1", "k3"), (None, None, None, None)]


async def test_others_are_told_the_person_and_the_device_and_not_the_token(shop: Shop) -> None:
    outbox = Outbox()
    listener = Listener(outbox, StoreId("shop", "m"), seed=False)
    await shop.store.serve([Join(outbox, listener, Subscribe())])
    await shop.ask((TILL, "c", insert("a")))
    said: dict[str, Any] = {}
    while said.get("type") != "DELTA":
        *_, said = await heard(outbox)
    assert said["by"] == {"client": "c", "ref": "r", "user": "amal", "device": "till-1"}


@pytest.mark.parametrize(("one", "other"), STRANGERS)
async def test_a_name_of_a_write_is_nothing_to_another_owner(
    shop: Shop, one: Who, other: Who
) -> None:
    first, same, new = await shop.ask(
        (one, "c", insert("a", n=1)),
        (other, "c", insert("a", n=1)),
        (other, "c", insert("b")),
    )
    assert first["type"] == "ACK"
    assert same["code"] == "DUPLICATE", "it is a write of its own, not an answer to the first"
    assert (new["type"], new.get("dup")) == ("ACK", None)
    await shop.open()
    again = await shop.ask((one, "c", insert("a", n=1)), (other, "c", insert("b")))
    assert [answer["dup"] for answer in again] == [True, True]


@pytest.mark.parametrize(("one", "other"), THE_SAME)
async def test_an_owner_is_answered_again_whoever_acts_and_by_whichever_token(
    shop: Shop, one: Who, other: Who
) -> None:
    first, second = await shop.ask((one, "c", insert("a")), (other, "c", insert("a")))
    assert second == {**first, "dup": True}


@pytest.mark.parametrize("who", [AMAL, TILL, PROGRAM])
def test_no_client_can_call_itself_by_an_owners_name(who: Who) -> None:
    command = decode(json.dumps({"ref": "r", **insert("a")}))
    ask = Ask(outbox=Outbox(), command=command, size=1, number=1, client="c", who=who)
    assert ask.key is not None
    assert not is_name(ask.key[0])


@pytest.mark.parametrize(("one", "other"), STRANGERS)
@pytest.mark.parametrize("together", [False, True])
async def test_a_namesake_of_another_owner_is_another_who_changed_the_row(
    shop: Shop, one: Who, other: Who, together: bool
) -> None:
    await shop.ask((one, "c", insert("a", n=1)))
    mine, theirs = (one, "c", update("a", "r1", 1, n=2)), (other, "c", update("a", "r2", 1, n=3))
    if together:
        answers = await shop.ask(mine, theirs)
    else:
        answers = [*await shop.ask(mine), *await shop.ask(theirs)]
    assert answers[0]["type"] == "ACK"
    assert answers[1]["code"] == "CONFLICT"


@pytest.mark.parametrize(("one", "other"), THE_SAME)
@pytest.mark.parametrize("together", [False, True])
async def test_ones_own_changes_are_no_conflict_whoever_acts_and_by_whichever_token(
    shop: Shop, one: Who, other: Who, together: bool
) -> None:
    await shop.ask((one, "c", insert("a", n=1)))
    first, then = (one, "c", update("a", "r1", 1, n=2)), (other, "c", update("a", "r2", 1, n=3))
    if together:
        answers = await shop.ask(first, then)
    else:
        answers = [*await shop.ask(first), *await shop.ask(then)]
    assert [answer["type"] for answer in answers] == ["ACK", "ACK"]
