"""Writes by HTTP: the socket's rules and commits, names that hold for ever, and tags that guard."""

import json
from typing import Any

import pytest
import trio
import trio.testing

from mishkah.journal import JournalFailed, JournalFull, MemoryJournals
from mishkah.testing import FaultyJournals

ITEM = {"id": "i1", "name": "شاي", "price": 12.5}


async def test_a_row_comes_changes_and_goes(api: Any) -> None:
    made = await api.post("tables/item", json=ITEM)
    assert made.status_code == 201
    told = made.json()
    assert told["row"] == {"id": "i1", "name": "شاي", "code": "C-001", "email": None, "qty": 1,
                           "price": 12.5, "info": None}  # fmt: skip
    assert made.headers["location"] == "/api/v1/branches/shop/modules/m/tables/item/i1"
    shown = await api.get(made.headers["location"])
    assert shown.json() == told["row"]
    assert shown.headers["etag"] == made.headers["etag"]
    changed = await api.patch("tables/item/i1", json={"changes": {"qty": 5}})
    assert (changed.status_code, changed.json()["row"]["qty"]) == (200, 5)
    assert changed.headers["etag"] != made.headers["etag"]
    gone = await api.delete("tables/item/i1")
    assert (gone.status_code, gone.json()) == (200, {"seq": told["seq"] + 2})
    assert (await api.get("tables/item/i1")).status_code == 404


async def test_a_socket_sees_what_http_writes(api: Any) -> None:
    async with api.house.client(branch="shop", module="m") as till:
        await till.expect("SNAPSHOT")
        await api.post("tables/item", json=ITEM, headers={"Idempotency-Key": "k"})
        delta = await till.expect("DELTA")
        assert delta["data"]["id"] == "i1"
        assert delta["by"] == {"client": "http:k", "ref": "k"}


async def test_an_id_may_hold_what_urls_give_a_meaning(api: Any) -> None:
    for key in ("a/b", "..", "ش ا?#%&+", "x/", "%2F"):
        made = await api.post("tables/note", json={"id": key, "text": key})
        assert made.status_code == 201
        if key != "..":  # which this client itself would take for a step up
            shown = await api.get(made.headers["location"])
            assert shown.json() == {"id": key, "text": key}


async def test_a_transaction_is_done_whole_or_not_at_all(api: Any) -> None:
    ops: list[Any] = [
        {"type": "INSERT", "table": "note", "data": {"id": "x"}},
        {"type": "UPDATE", "table": "note", "id": "n1", "changes": {"text": "new"}},
    ]
    done = (await api.post("transactions", json={"ops": ops})).json()
    assert [row["id"] for row in done["rows"]] == ["x", "n1"]
    ops = [{"type": "DELETE", "table": "note", "id": i} for i in ("x", "nowhere")]
    no = await api.post("transactions", json={"ops": ops})
    assert (no.status_code, no.json()["code"]) == (404, "NOT_FOUND")
    assert no.json()["errors"][0]["path"] == "/ops/1/id"
    assert (await api.get("tables/note/x")).status_code == 200


async def test_numbers_are_taken_without_a_row(api: Any) -> None:
    taken = await api.post("sequences/item/code", json={"count": 2})
    assert taken.json()["numbers"] == ["C-001", "C-002"]
    assert (await api.post("sequences/item/code")).json()["numbers"] == ["C-003"]
    (told,) = (await api.get("sequences")).json()["sequences"]
    assert (told["last"], told["next"], told["reset"]) == (3, "C-004", "never")
    assert (await api.post("tables/item", json=ITEM)).json()["row"]["code"] == "C-004"


async def test_a_key_names_a_write_for_ever(serve: Any) -> None:
    key = {"Idempotency-Key": '"7d3f"'}
    async with serve() as api:
        first = await api.post("tables/item", json=ITEM, headers=key)
    async with serve() as api:  # the server was stopped and started
        again = await api.post(
            "tables/item", content=json.dumps(ITEM, indent=1), headers={**key, **JSON}
        )
        assert again.status_code == 201
        assert again.json() == {**first.json(), "dup": True}
        assert again.headers["location"] == first.headers["location"]
        other = await api.post("tables/item", json={**ITEM, "id": "i2"}, headers=key)
        assert (other.status_code, other.json()["code"]) == (409, "REF_REUSED")
        rows = (await api.get("tables/item")).json()["rows"]
        assert [row["id"] for row in rows] == ["i1"]


JSON = {"Content-Type": "application/json"}


async def test_without_a_key_the_same_is_done_again(api: Any) -> None:
    for n in range(2):
        done = await api.patch("tables/note/n1", json={"changes": {"text": f"{n}"}})
        assert "dup" not in done.json()
    numbers = [(await api.post("sequences/item/code")).json()["numbers"][0] for _ in range(2)]
    assert len(set(numbers)) == 2


async def test_of_two_who_saw_the_same_row_one_changes_it(api: Any) -> None:
    await api.post("tables/item", json=ITEM)
    tag = (await api.get("tables/item/i1")).headers["etag"]
    answers: list[Any] = []

    async def change(**changes: Any) -> None:
        answers.append(
            await api.patch("tables/item/i1", json={"changes": changes}, headers={"If-Match": tag})
        )

    async with trio.open_nursery() as nursery:
        nursery.start_soon(lambda: change(name="a"))
        nursery.start_soon(lambda: change(qty=7))  # another field; the row is another all the same
    won, lost = sorted(answers, key=lambda one: one.status_code)
    assert (won.status_code, lost.status_code) == (200, 412)
    assert lost.json()["code"] == "CONFLICT"
    assert lost.json()["current"] == won.json()["row"]
    assert (await api.get("tables/item/i1")).json() == won.json()["row"]
    fresh = {"If-Match": won.headers["etag"]}
    assert (await api.delete("tables/item/i1", headers=fresh)).status_code == 200


@pytest.mark.parametrize("keyed", [True, False])
async def test_a_tag_guards_against_writers_with_keys_too(api: Any, keyed: bool) -> None:
    await api.post("tables/item", json=ITEM)
    tag = (await api.get("tables/item/i1")).headers["etag"]
    for n, status in ((1, 200), (2, 412)):
        headers = {"If-Match": tag, **({"Idempotency-Key": f"k{n}"} if keyed else {})}
        done = await api.patch("tables/item/i1", json={"changes": {"qty": 5 + n}}, headers=headers)
        assert done.status_code == status


@pytest.mark.parametrize(
    "tag", ['"other-1"', "garbage", 'W/"memory-2"', '"memory-999"', '"a", "b"']
)
async def test_a_tag_that_is_not_the_rows_matches_nothing(api: Any, tag: str) -> None:
    await api.post("tables/item", json=ITEM)
    for body in ({"changes": {"qty": 3}}, {"changes": {}}):
        no = await api.patch("tables/item/i1", json=body, headers={"If-Match": tag})
        assert no.status_code == 412
    assert (await api.delete("tables/item/i1", headers={"If-Match": tag})).status_code == 412
    any_state = {"If-Match": "*"}
    assert (await api.delete("tables/item/i1", headers=any_state)).status_code == 200
    assert (await api.delete("tables/item/i1", headers=any_state)).status_code == 404


async def test_the_tag_of_a_page_guards_its_rows(api: Any) -> None:
    await api.post("tables/item", json=ITEM)
    page = await api.get("tables/item")
    await api.patch("tables/note/n1", json={"changes": {"text": "another row"}})
    saw = {"If-Match": page.headers["etag"]}
    done = await api.patch("tables/item/i1", json={"changes": {"qty": 2}}, headers=saw)
    assert done.status_code == 200
    done = await api.patch("tables/item/i1", json={"changes": {"qty": 3}}, headers=saw)
    assert done.status_code == 412


async def test_a_base_in_a_transaction_lets_other_fields_merge(api: Any) -> None:
    await api.post("tables/item", json=ITEM)
    info = (await api.get("changes")).json()
    seen = {"base": info["seq"], "epoch": info["epoch"]}
    await api.patch("tables/item/i1", json={"changes": {"qty": 9}})

    async def change(**changes: Any) -> Any:
        op = {"type": "UPDATE", "table": "item", "id": "i1", "changes": changes}
        return await api.post("transactions", json={"ops": [op], **seen})

    assert (await change(name="x")).status_code == 200
    no = await change(qty=1)
    assert (no.status_code, no.json()["code"]) == (409, "CONFLICT")


async def test_what_is_added_is_added_once(api: Any) -> None:
    await api.post("tables/item", json=ITEM)
    add = {"add": {"qty": -1, "price": 0.1}}
    no = await api.patch("tables/item/i1", json=add)
    assert (no.status_code, no.json()["errors"][0]["path"]) == (400, "/add")
    for _ in range(2):
        done = await api.patch("tables/item/i1", json=add, headers={"Idempotency-Key": "a"})
        assert (done.json()["row"]["qty"], done.json()["row"]["price"]) == (0, 12.6)
    tagged = {"Idempotency-Key": "b", "If-Match": done.headers["etag"]}
    assert (await api.patch("tables/item/i1", json=add, headers=tagged)).status_code == 400


async def test_a_change_that_changes_nothing_shows_the_row(api: Any) -> None:
    made = await api.post("tables/item", json=ITEM)
    same = await api.patch("tables/item/i1", json={"changes": {"qty": 1}})
    assert same.json()["row"] == made.json()["row"]
    assert same.headers["etag"] == made.headers["etag"]


async def test_nothing_is_answered_before_it_is_durable(serve: Any, autojump_clock: Any) -> None:
    journals = FaultyJournals()
    async with serve(journals=journals) as api:
        await api.get("tables/note")
        journals.seconds = 10
        before = trio.current_time()
        assert (await api.post("tables/item", json=ITEM)).status_code == 201
        assert trio.current_time() - before >= 10
        journals.seconds, journals.refusal = 0, JournalFull("full")
        no = await api.post("tables/item", json={"id": "i2"})
        assert (no.status_code, no.json()["code"]) == (507, "STORAGE_FULL")
        assert no.headers["retry-after"] == "5"
        assert (await api.get("tables/item/i2")).status_code == 404


async def test_who_leaves_before_the_answer_hurts_nobody(serve: Any, autojump_clock: Any) -> None:
    journals = FaultyJournals()
    async with serve(journals=journals) as api:
        await api.get("tables/note")
        journals.seconds = 10
        with trio.move_on_after(1):
            await api.post("tables/item", json=ITEM, headers={"Idempotency-Key": "k"})
        journals.seconds = 0
        again = await api.post("tables/item", json=ITEM, headers={"Idempotency-Key": "k"})
        assert again.json()["dup"] is True


async def test_an_unknown_outcome_says_so_and_the_key_tells_it(
    serve: Any, autojump_clock: Any
) -> None:
    journals = FaultyJournals()
    async with serve(journals=journals) as api:
        await api.get("tables/note")
        journals.doubt = JournalFailed("the sync failed")
        lost = await api.post("tables/item", json=ITEM, headers={"Idempotency-Key": "k"})
        assert (lost.status_code, lost.json()["code"]) == (503, "STORE_FAILED")
        assert "same Idempotency-Key" in lost.json()["detail"]
        while True:
            again = await api.post("tables/item", json=ITEM, headers={"Idempotency-Key": "k"})
            if again.status_code != 503:
                break
            await trio.sleep(float(again.headers["retry-after"]))
        assert (again.status_code, again.json()["dup"]) == (201, True)


async def test_a_store_that_takes_nothing_for_a_while_is_busy(
    serve: Any, autojump_clock: Any
) -> None:
    journals = FaultyJournals()
    async with serve(journals=journals) as api:
        await api.get("tables/note")
        journals.seconds = 60
        answers: list[int] = []

        async def ask(n: int) -> None:
            answers.append((await api.post("tables/note", json={"id": f"x{n}"})).status_code)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask, 0)
            await trio.testing.wait_all_tasks_blocked()
            for n in range(1, 300):
                nursery.start_soon(ask, n)
        assert answers.count(503) == 300 - 1 - 256
        assert answers.count(201) == 257
        assert isinstance(journals, MemoryJournals)
        rows = (await api.get("tables/note", params={"limit": 1000})).json()["rows"]
        assert len(rows) == 1 + 257
