"""What once told of something that may not be read: by the smallest thing that shows it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from mishkah.core import wire
from mishkah.core.access import Role, grant_of
from mishkah.core.commands import decode
from mishkah.core.commit import Commit, Name
from mishkah.core.draft import Draft, View
from mishkah.core.errors import Invalid, Refused
from mishkah.core.frames import payloads
from mishkah.core.grants import Grant
from mishkah.core.ids import StoreId
from mishkah.core.judging import Rules
from mishkah.core.schema import with_unique
from mishkah.core.seen import Seen
from mishkah.core.sequences import Rule, make_sequence
from mishkah.core.shapes import fit
from mishkah.core.soundness import read_schema
from mishkah.core.state import State
from mishkah.core.transact import Asked, transact
from mishkah.describing import describe

NOON = datetime(2025, 10, 29, 12, tzinfo=UTC)
KEY = {"type": "text", "primaryKey": True}
TEXT = {"type": "text"}
"""Fields that begin with h, and the table hush, are hidden from the clerk."""
TABLES: dict[str, Any] = {
    "shelf": {"fields": {"id": KEY, "label": TEXT, "hcode": {"type": "text", "unique": True}}},
    "item": {
        "fields": {
            "id": KEY,
            "name": TEXT,
            "shelf": {"type": "text", "references": {"table": "shelf", "onDelete": "set-null"}},
            "hshelf": {"type": "text", "references": {"table": "shelf", "onDelete": "set-null"}},
            "hcost": {"type": "integer"},
            "hnote": TEXT,
        },
        "indexes": [{"fields": ["hnote"]}, {"fields": ["name", "hcost"]}],
    },
    "need": {"fields": {"id": KEY, "hmust": {"type": "text", "required": True},
                        "hday": {"type": "date", "default": "now", "max": "2000-01-01"}}},
    "bill": {"fields": {"id": KEY, "hnumber": TEXT, "total": {"type": "integer"}}},
    "hush": {
        "fields": {
            "id": KEY,
            "shelf": {"type": "text", "references": {"table": "shelf", "onDelete": "cascade"}},
            "word": TEXT,
        }
    },
    "call": {"fields": {"id": KEY, "hush": {"type": "text", "references": {"table": "hush"}}}},
}  # fmt: skip
CLERK = [
    {"do": ["read", "insert", "update", "delete"], "tables": ["hush"], "allow": False},
    {"do": ["read", "insert", "update", "delete"],
     "except": ["hcode", "hshelf", "hcost", "hnote", "hmust", "hday", "hnumber"]},
]  # fmt: skip


class Shop:
    """A store whose every command is judged as in the real one, by the core alone."""

    def __init__(self, **more: Any) -> None:
        schema, problems = read_schema("m", {"tables": TABLES})
        assert schema is not None, problems
        rule = Rule(prefix="B", start=1, format="{prefix}-{number:03d}")
        numbers = {"bill": (make_sequence("bill", "hnumber", rule, "shop", {}),)}
        schema = with_unique(schema, {"bill": {"hnumber"}})
        self.rules = Rules(schema=schema, sequences=numbers, **more)
        self.state = State(schema)
        self.commits: list[Commit] = []

    def grant(self, *rules: Mapping[str, Any]) -> Grant:
        role = fit({"rules": list(rules or CLERK)}, Role)
        return grant_of(role, StoreId("shop", "m"), self.rules.schema, "amal")

    def do(self, message: Mapping[str, Any], grant: Grant | None = None, **more: Any) -> Commit:
        command: Any = decode(msgspec.json.encode({"ref": "r", **message}).decode())
        name = Name("me", "r", b"")
        asked = Asked(command=command, name=name, grant=grant, **more)
        commit = transact(Draft(self.state), self.state.seq + 1, asked, self.rules, NOON)
        self.state.apply(commit)
        self.commits.append(commit)
        return commit

    def no(self, message: Mapping[str, Any], **more: Any) -> list[Any]:
        """Return what the clerk is told: the code, and each detail."""
        with pytest.raises(Refused) as refused:
            self.do(message, self.grant(), **more)
        said = refused.value
        return [said.code, said.said.en, *((d.path, d.rule, d.text.en) for d in said.details)]

    def rows(self, commit: Commit) -> list[Any]:
        (payload,) = payloads(wire.ack("r", commit.seq, commit, self.grant()))
        found: list[Any] = msgspec.json.decode(payload)["rows"]
        return found


def insert(table: str, **data: Any) -> dict[str, Any]:
    return {"type": "INSERT", "table": table, "data": data}


def update(table: str, key: str, **more: Any) -> dict[str, Any]:
    return {"type": "UPDATE", "table": table, "id": key, **more}


def delete(table: str, key: str) -> dict[str, Any]:
    return {"type": "DELETE", "table": table, "id": key}


@pytest.fixture
def shop() -> Shop:
    shop = Shop()
    shop.do(insert("shelf", id="s", label="top", hcode="x"))
    shop.do(insert("item", id="i", name="tea", hcost=1))
    return shop


NO_SUCH_FIELD = "item has no such field"


@pytest.mark.parametrize("field", ["hcost", "hnote", "nothing"])
def test_adding_to_a_hidden_field_is_adding_to_none(shop: Shop, field: str) -> None:
    told = shop.no(update("item", "i", add={field: 1}))
    assert told == ["INVALID", NO_SUCH_FIELD, (f"/add/{field}", "add", NO_SUCH_FIELD)]


@pytest.mark.parametrize("field", ["hcost", "hnote", "nothing"])
@pytest.mark.parametrize("rivals", [frozenset({"hcost", "name"}), None])
def test_a_conflict_is_about_what_can_be_read(shop: Shop, field: str, rivals: Any) -> None:
    seen = Seen(0, {("item", "i"): rivals})
    told = shop.no(update("item", "i", changes={field: 1}), seen=seen)
    assert told[0] == ("INVALID" if rivals is not None else "CONFLICT")
    assert told[2][0] == (f"/{field}" if rivals is not None else "/id")


def test_a_change_that_is_not_seen_does_not_keep_a_row_from_being_deleted(shop: Shop) -> None:
    seen = Seen(0, {("item", "i"): frozenset({"hcost"})})
    shop.do(delete("item", "i"), shop.grant(), seen=seen)
    assert shop.state.record("item", "i") is None


def test_what_a_hidden_field_lacks_is_not_named(shop: Shop) -> None:
    text = "This row breaks a rule of its table"
    assert shop.no(insert("need", id="n")) == ["INVALID", text, ("/", "max", text),
                                               ("/", "required", text)]  # fmt: skip


def test_a_hidden_number_is_given_and_its_rule_is_not_told(shop: Shop) -> None:
    only_total = shop.grant({"do": ["read", "insert"], "tables": ["bill"], "fields": ["total"]})
    commit = shop.do(insert("bill", id="b", total=1), only_total)
    assert commit.changes[0].new is not None
    assert commit.changes[0].new["hnumber"] == "B-001"
    for value in (None, "B-7", "x"):
        told = shop.no(insert("bill", id="c", hnumber=value))
        assert [path for path, _, _ in told[2:]] == ["/hnumber"]
        assert told[2][1] == "unknown"


def test_an_ack_does_not_count_the_rows_that_go_along_unseen(shop: Shop) -> None:
    shop.do(insert("hush", id="h", shelf="s"))
    shop.do(insert("item", id="j", hshelf="s"))
    shop.do(insert("item", id="k", shelf="s"))
    commit = shop.do(delete("shelf", "s"), shop.grant())
    assert len(commit.changes) == 4
    gone, seen = shop.rows(commit)
    assert gone is None
    assert seen == {"id": "k", "name": None, "shelf": None}


def test_an_ack_shows_an_insert_that_its_writer_may_not_read_as_null(shop: Shop) -> None:
    blind = shop.grant({"do": ["insert"]})
    commit = shop.do(insert("hush", id="h"), blind)
    assert shop.rows(commit) == [None]


def test_a_table_is_described_without_what_is_hidden_of_it(shop: Shop) -> None:
    told = describe(shop.grant().known)["tables"]
    assert [*told] == ["shelf", "item", "need", "bill", "call"]
    assert told["item"]["indexes"] == [{"fields": ["shelf"], "unique": False}]
    assert told["bill"]["indexes"] == []
    assert told["item"]["fields"]["shelf"]["references"]["table"] == "shelf"
    assert "references" not in told["call"]["fields"]["hush"]


def test_a_reference_to_a_hidden_table_does_not_name_it(shop: Shop) -> None:
    text = "hush refers to a row that is not there"
    assert shop.no(insert("call", id="c", hush="h")) == ["REFERENCE", text,
                                                         ("/hush", "references", text)]  # fmt: skip


def _dislike(new: Any, old: Any, view: View) -> None:
    raise Invalid(f"the word is {new.get('word')}", field=None)


def _law(view: View) -> None:
    if not list(view.ids("hush")):
        raise Invalid("there are hushed words")


def test_what_plugins_say_of_a_hidden_table_is_not_told() -> None:
    text = "This row breaks a rule of its table"
    shop = Shop(laws={"hush": (_law,)})
    shop.do(insert("shelf", id="s"))
    shop.do(insert("hush", id="h", shelf="s"))
    assert shop.no(delete("shelf", "s")) == ["INVALID", text, ("", "validator", text)]


def test_what_plugins_say_of_a_hidden_row_is_not_told() -> None:
    text = "This row breaks a rule of its table"
    shop = Shop()
    shop.do(insert("shelf", id="s"))
    shop.do(insert("item", id="i", name="theirs", shelf="s"))
    shop.rules = msgspec.structs.replace(shop.rules, validators={"item": (_dislike,)})
    mine = shop.grant(
        {"do": ["read", "delete"], "tables": ["shelf"]},
        {"do": ["read"], "tables": ["item"], "where": ["name", "=", "mine"]},
    )
    with pytest.raises(Refused) as refused:
        shop.do(delete("shelf", "s"), mine)
    assert [d.text.en for d in refused.value.details] == [text]
