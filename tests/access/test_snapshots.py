"""What a snapshot is cut into, and in which order, tells nothing of what it leaves out."""

from typing import Any

import pytest

from mishkah.core.access import Role, grant_of
from mishkah.core.commit import Change, Commit
from mishkah.core.ids import StoreId
from mishkah.core.shapes import fit
from mishkah.core.snapshots import PIECE, Snapshot
from mishkah.core.soundness import read_schema
from mishkah.core.state import State
from mishkah.core.views import read_view
from mishkah.core.wire import Signature

SHOP = StoreId("shop", "m")
TEXT = {"type": "text"}
FIELDS = {"id": {"type": "text", "primaryKey": True}, "kind": TEXT, "text": TEXT}
TABLES = {
    "t": {"fields": FIELDS, "indexes": [{"fields": ["kind"]}]},
    "u": {"fields": {"id": FIELDS["id"]}},
}
SHOWN = {"do": ["read"], "tables": ["t"], "except": ["kind"], "where": ["kind", "in", ["a", "b"]]}


def snapshot(kinds: str, size: int, rule: Any = SHOWN) -> Snapshot:
    """Return what is shown of rows of these *kinds*, whose texts have this *size*."""
    schema, problems = read_schema("m", {"tables": TABLES})
    assert schema is not None, problems
    state = State(schema)
    shown = 0
    for n, kind in enumerate(kinds):
        row = {"id": f"{kind}{n}", "kind": kind, "text": "x" * size}
        if kind in "ab":
            row["id"], shown = f"r{shown}", shown + 1
        change = Change(
            table="t", id=row["id"], new=row, old=None, json=schema.tables["t"].encode(row)
        )
        state.apply(Commit(seq=n + 1, at="", changes=(change,)))
    state.seq = 7
    grant = grant_of(fit({"rules": [rule, {"do": ["read"]}]}, Role), SHOP, schema, None)
    return Snapshot(Signature(SHOP, "e"), state, read_view(grant, None, None))


def frames(kinds: str, size: int) -> list[list[bytes]]:
    told = snapshot(kinds, size)
    return [[one for one in some if one] for some in (told.parts(), told.whole())]


@pytest.mark.parametrize(
    ("kinds", "other"),
    [
        ("a" * 9, "h" * 1200 + "a" * 9),
        ("a" * 9, "a" * 9 + "h" * 1200),
        ("a" * 9, "a" * 4 + "h" * 600 + "a" * 5 + "h" * 500),
        ("", "h" * 3000),
        ("aabba", "ababa"),
        ("bbb", "aaa"),
    ],
)
@pytest.mark.parametrize("size", [1, PIECE // 4, PIECE // 3 - 29, PIECE - 29, PIECE])
def test_frames_are_the_same_whatever_is_left_out(kinds: str, other: str, size: int) -> None:
    if size > 1 and len(other) > 20:
        other = other.replace("h" * 500, "h")
    assert frames(kinds, size) == frames(other, size)


def test_no_more_rows_are_looked_at_in_one_go_than_before() -> None:
    told = [bool(one) for one in snapshot("h" * 1600 + "a", 1).parts()]
    assert told == [False, False, False, True]
