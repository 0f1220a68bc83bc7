"""A house with a gate: who shows what on a socket, and is shown what, as of now."""

from pathlib import Path
from typing import Any

import pytest
from support.talking import SHOP, WITHOUT_NAMES, insert, subscribe, until_synced, update

from mishkah.testing import FakeGate, open_test_house


@pytest.mark.parametrize("token", [None, "b"])
async def test_nobody_comes_in_without_a_token_that_is_known(
    gate: FakeGate, data: Path, autojump_clock: object, token: str | None
) -> None:
    async with open_test_house(data, gate=gate) as house:
        async with house._connected("/", "mishkah.v1") as client:
            await client.send({"type": "HELLO", "v": 1, "token": token})
            assert (await client.receive())["code"] == "AUTH_REQUIRED"
            assert await client.close_code() == 4401
        async with house.client(token) as client:
            assert (await client.receive())["code"] == "AUTH_REQUIRED"
            assert await client.close_code() == 4401


async def test_a_token_is_shown_in_hello_or_in_the_header(
    gate: FakeGate, data: Path, autojump_clock: object
) -> None:
    async with open_test_house(data, gate=gate) as house:
        async with house.client("a") as client:
            assert (await client.receive())["type"] == "SNAPSHOT"
        async with house._connected("/", "mishkah.v1") as client:
            await client.send({"type": "HELLO", "v": 1, "token": "a"})
            assert (await client.receive())["user"] == "amal"


async def test_a_role_that_changes_is_followed_at_once(
    gate: FakeGate, data: Path, autojump_clock: object
) -> None:
    async with open_test_house(data, gate=gate) as house, house.v1("x", token="a") as client:
        whole = await subscribe(client)
        await until_synced(client)
        await client.ask(insert("tea", 1, name="green"))
        gate.role("clerk", WITHOUT_NAMES)
        resync = await client.receive()
        assert (resync["type"], resync["view"], resync["reason"]) == ("RESYNC", "*", "rules")
        again = await client.receive()
        assert again["type"] == "SUBSCRIBED"
        assert "ref" not in again
        assert again["view"] != whole["view"]
        assert again["epoch"].partition(".")[0] == whole["epoch"] != again["epoch"]
        snapshot, _ = await until_synced(client)
        (row,) = snapshot["data"].pop("item")
        assert (row["id"], "name" in row, snapshot["data"]) == ("tea", False, {})
        assert (await client.ask(insert("cup", 2)))["code"] == "FORBIDDEN"


async def test_another_token_is_taken_without_a_cut(
    gate: FakeGate, data: Path, autojump_clock: object
) -> None:
    gate.role("guest", WITHOUT_NAMES)
    gate.let_in("b", "guest")
    async with open_test_house(data, gate=gate) as house, house.v1("x", token="a") as client:
        await subscribe(client)
        await until_synced(client)
        await client.send({"type": "HELLO", "v": 1, "token": "b"})
        welcome = await client.receive()
        assert (welcome["type"], "user" in welcome) == ("WELCOME", False)
        assert (await until_synced(client))[0]["reason"] == "rules"


async def test_who_becomes_another_where_they_may_not_enter_is_sent_away(
    gate: FakeGate, data: Path, autojump_clock: object
) -> None:
    gate.let_in("b", "clerk", branches=["elsewhere"])
    async with (
        open_test_house(data, gate=gate) as house,
        house.v1("x", token="a") as client,
        house.v1("y", token="a") as other,
    ):
        await subscribe(client)
        await until_synced(client)
        await client.send({"type": "HELLO", "v": 1, "token": "b"})
        assert (await client.receive())["type"] == "WELCOME"
        assert (await client.receive())["code"] == "UNKNOWN_MODULE"
        assert (await other.ask(insert("tea", 1)))["type"] == "ACK"
        assert await client.close_code() == 1012


@pytest.mark.parametrize("end", [lambda g: g.turn_out("a"), lambda g: g.pass_time(60)])
async def test_who_is_turned_out_is_closed(
    data: Path, autojump_clock: object, gate: FakeGate, end: Any
) -> None:
    gate.let_in("a", "clerk", user="amal", seconds=60)
    async with open_test_house(data, gate=gate) as house, house.v1("x", token="a") as client:
        await subscribe(client)
        await until_synced(client)
        end(gate)
        assert (await client.receive())["code"] == "AUTH_EXPIRED"
        assert await client.close_code() == 4401


async def test_a_branch_where_one_has_no_role_is_not_there(
    gate: FakeGate, data: Path, autojump_clock: object
) -> None:
    gate.let_in("b", "clerk", branches=["elsewhere"])
    async with open_test_house(data, gate=gate) as house, house.v1(token="b") as client:
        await client.send({"type": "SUBSCRIBE", "ref": 1, **SHOP})
        assert (await client.receive())["code"] == "UNKNOWN_MODULE"


async def test_a_conflict_does_not_name_a_field_that_is_not_known(
    gate: FakeGate, data: Path, autojump_clock: object
) -> None:
    """Not even by its answer to who guesses the name: it is as one that is not there."""
    gate.role("guest", {"do": ["read", "update"], "tables": ["item"], "except": ["name"]})
    gate.let_in("b", "guest")
    async with (
        open_test_house(data, gate=gate) as house,
        house.v1("x", token="a") as owner,
        house.v1("y", token="b") as guest,
    ):
        for key in ("tea", "cup"):
            base = (await owner.ask(insert(key, key, name="old")))["seq"]
        await owner.ask(update("tea", 1, changes={"name": "new"}))
        await owner.ask(update("cup", 2, changes={"qty": 7}))
        told = [
            await guest.ask(update(key, f"{key}{name}", changes={name: "x"}, base=base))
            for key in ("tea", "cup")
            for name in ("name", "none")
        ]
        assert [(no["code"], no["details"][0]["rule"]) for no in told] == 4 * [
            ("INVALID", "unknown")
        ]
        clash = await guest.ask(update("cup", "q", changes={"qty": 1, "name": "x"}, base=base))
        assert [one["path"] for one in clash["details"]] == ["/qty"]
