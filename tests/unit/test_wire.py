"""What goes out: frames by RFC 6455, messages by the protocol, and an ERROR that is never long."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mishkah.core import wire
from mishkah.core.commit import Commit
from mishkah.core.errors import (
    BadMessage,
    Detail,
    Duplicate,
    Invalid,
    InvalidRow,
    NotFound,
    Refused,
    Text,
    pointer,
)
from mishkah.core.frames import close_frame, frame
from mishkah.core.grants import everything
from mishkah.core.ids import StoreId
from mishkah.core.messages import WHOLE
from mishkah.core.snapshots import Snapshot
from mishkah.core.views import read_view

SIGN = wire.Signature(StoreId("shop:1", "m"), "e1")
HOUSE = {"branch": "shop:1", "module": "m", "epoch": "e1"}


@pytest.mark.parametrize(
    ("size", "head"),
    [
        (0, b"\x81\x00"),
        (125, b"\x81\x7d"),
        (126, b"\x81\x7e\x00\x7e"),
        (65535, b"\x81\x7e\xff\xff"),
        (65536, b"\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00"),
    ],
)
def test_a_frames_head_says_its_length(size: int, head: bytes) -> None:
    assert frame(b"x" * size) == head + b"x" * size


def test_a_close_frame_says_why_in_at_most_125_bytes() -> None:
    assert close_frame(1001, "bye") == b"\x88\x05\x03\xe9bye"
    assert len(close_frame(1001, "x" * 500)) == 2 + 125


def item(key: str, **more: Any) -> dict[str, Any]:
    data = {"id": key, "name": "n", **more}
    return {"type": "INSERT", "table": "item", "data": data}


def snapshot(shop: Any) -> bytes:
    view = read_view(everything(shop.rules.schema), None, None)
    return b"".join(Snapshot(SIGN, shop.state, view).whole())


def test_a_snapshot_has_every_table_and_every_field(shop: Any, read_frames: Any) -> None:
    shop.run(item("a", price=0.0000001, info={"ar": "شاي"}))
    (message,) = read_frames(snapshot(shop))
    assert {key: message[key] for key in HOUSE} == HOUSE
    assert (message["type"], message["seq"]) == ("SNAPSHOT", 1)
    assert message["data"]["bill"] == []
    (row,) = message["data"]["item"]
    assert list(row) == list(shop.rules.schema.tables["item"].fields)
    assert (row["price"], row["info"], row["email"]) == (1e-7, {"ar": "شاي"}, None)


def test_an_empty_store_has_a_snapshot_too(shop: Any, read_frames: Any) -> None:
    (message,) = read_frames(snapshot(shop))
    assert (message["seq"], message["data"]) == (0, {"item": [], "bill": []})


def deltas(shop: Any, commit: Commit, prev: int = 0) -> bytes:
    shown = read_view(everything(shop.rules.schema), None, None).shows(commit.changes)
    return wire.deltas(SIGN, WHOLE, commit, shown, prev)


def test_a_change_is_one_delta_without_tx(shop: Any, read_frames: Any) -> None:
    insert = shop.run(item("a"))
    update = shop.update("item", "a", {"price": 1.50, "name": "m", "kind": "food"})
    delete = shop.delete("item", "a")
    said = [read_frames(deltas(shop, commit, 7))[0] for commit in (insert, update, delete)]
    for message, commit in zip(said, (insert, update, delete), strict=True):
        assert {key: message[key] for key in HOUSE} == HOUSE
        assert (message["type"], message["seq"], message["prev"]) == ("DELTA", commit.seq, 7)
        assert "tx" not in message
        assert "by" not in message
        assert message["data"]["timestamp"] == commit.at
        assert (message["data"]["table"], message["data"]["id"]) == ("item", "a")
    assert [m["data"]["operation"] for m in said] == ["INSERT", "UPDATE", "DELETE"]
    assert said[0]["data"]["changes"] == json.loads(insert.changes[0].json)
    assert said[1]["data"]["changes"] == {"name": "m", "price": 1.5}
    assert said[2]["data"]["changes"] == {}


def test_the_deltas_of_one_commit_are_numbered_together(shop: Any, read_frames: Any) -> None:
    commit = shop.together(item("a"), item("b"), item("c"))
    messages = read_frames(deltas(shop, commit))
    assert [m["tx"] for m in messages] == [{"i": i, "n": 3} for i in range(3)]
    assert {m["seq"] for m in messages} == {1}


def test_a_commit_without_changes_has_no_delta(shop: Any) -> None:
    shop.run(item("a"))
    assert deltas(shop, shop.update("item", "a", {})) == b""


def test_a_delta_says_by_whom(shop: Any, read_frames: Any) -> None:
    commit = shop.run({**item("a"), "ref": 7})
    assert read_frames(deltas(shop, commit))[0]["by"] == {"ref": 7}


@given(st.text(min_size=1, max_size=9), st.text(max_size=9), st.text(max_size=9))
def test_whatever_text_a_row_holds_its_deltas_are_json(
    open_shop: Any, read_frames: Any, key: str, name: str, ref: str
) -> None:
    shop = open_shop()
    try:
        commit = shop.run({**item(key, info={name: name}), **({"ref": ref} if ref else {})})
    except Refused as refused:
        (message,) = read_frames(wire.error(refused, ref or None))
        assert message["type"] == "ERROR"
        return
    (delta,) = read_frames(deltas(shop, commit))
    (ack,) = read_frames(wire.ack(ref, commit.seq, commit, everything(shop.rules.schema)))
    assert delta["data"]["changes"] == ack["rows"][0]
    assert delta["data"]["changes"]["info"] == {name: name}
    assert delta["data"]["id"] == key


def test_an_ack_has_the_rows_as_stored(shop: Any, read_frames: Any) -> None:
    shop.run(item("a"))
    commit = shop.together(item("b"), {"type": "DELETE", "table": "item", "id": "a"})
    (message,) = read_frames(wire.ack("r", 2, commit, everything(shop.rules.schema)))
    assert message == {"type": "ACK", "ref": "r", "seq": 2, "rows": [shop.row("item", "b"), None]}
    assert read_frames(wire.ack(5, 9, None, everything(shop.rules.schema), dup=True)) == [
        {"type": "ACK", "ref": 5, "seq": 9, "dup": True}
    ]


def test_an_error_has_its_words_its_code_and_its_places(read_frames: Any) -> None:
    text = Text("en", "ع")
    refusal = InvalidRow(None, tuple(Detail(f"/{i}", "type", text) for i in range(12)))
    (message,) = read_frames(wire.error(refusal, "r"))
    assert message["type"] == "ERROR"
    assert (message["error"], message["code"], message["ref"]) == ("en", "INVALID", "r")
    assert message["text"] == {"en": "en", "ar": "ع"}
    assert [detail["path"] for detail in message["details"]] == [f"/{i}" for i in range(10)]
    assert message["details"][0] == {
        "path": "/0", "rule": "type", "message": "en", "text": {"ar": "ع"}
    }  # fmt: skip
    assert message["more"] == 2


def test_an_error_without_details_has_none(read_frames: Any) -> None:
    (message,) = read_frames(wire.error(NotFound()))
    assert set(message) == {"type", "error", "code", "text"}


@pytest.mark.parametrize("count", [1, 5, 10, 25])
@pytest.mark.parametrize("letter", ["x", "ش", "😀", '"', "\\"])
def test_long_details_are_left_out_until_the_error_has_3000_characters(
    read_frames: Any, count: int, letter: str
) -> None:
    text = Invalid(letter * 500).text
    details = tuple(Detail(pointer("ops", i, "y" * 99), "validator", text) for i in range(count))
    (message,) = read_frames(said := wire.error(InvalidRow(None, details), "r" * 128))
    assert len(said[4:].decode()) <= 3000
    shown = message.get("details", [])
    assert [detail["path"] for detail in shown] == [d.path for d in details[: len(shown)]]
    assert len(shown) + message.get("more", 0) == count


PLAIN = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=300)


@given(
    st.sampled_from([InvalidRow, Duplicate, NotFound, BadMessage]),
    st.lists(st.tuples(PLAIN, PLAIN, PLAIN), max_size=30),
    st.none() | st.integers(-(2**63), 2**63) | st.text(min_size=1, max_size=32),
)
def test_an_error_has_at_most_3000_characters_whatever_is_refused(
    read_frames: Any, kind: type[Refused], wrong: list[tuple[str, str, str]], ref: str | int | None
) -> None:
    details = tuple(
        Detail(pointer("ops", i, name), "validator", Invalid(en, ar=ar).text)
        for i, (name, en, ar) in enumerate(wrong)
    )
    (message,) = read_frames(said := wire.error(kind(None, details), ref))
    assert len(said[4:].decode() if len(said) > 127 else said) <= 3000
    shown = message.get("details", [])
    assert len(shown) + message.get("more", 0) == len(wrong)
    assert len(shown) <= 10
    assert message.get("ref") == ref


def test_a_plugins_text_of_control_characters_makes_no_long_error(read_frames: Any) -> None:
    no = InvalidRow(None, (Detail("/a", "validator", Invalid("\x01" * 200).text),))
    assert len(wire.error(no)) <= 3000


def test_a_plugins_text_that_is_no_unicode_costs_one_command(read_frames: Any) -> None:
    no = InvalidRow(None, (Detail("/a", "validator", Invalid("\ud800").text),))
    assert read_frames(wire.error(no))
