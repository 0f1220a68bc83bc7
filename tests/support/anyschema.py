"""Any schema, and any rows for it: right ones, wrong ones, and in between.

All values come from small sets, so that keys double and references meet what they refer to.
"""

from typing import Any

from hypothesis import strategies as st

from support.rulebook import Data, broken_value

NAMES = ["one", "two", "three"]
KEYS = ["a", "b", "c", "ab", "éa"]
VALUES: dict[str, list[Any]] = {
    "text": [*KEYS, "", "b" * 5],
    "integer": [-1, 0, 1, 2, 5],
    "decimal": [-1, 0, 0.5, 1, 2.25],
    "boolean": [True, False],
    "date": ["2025-01-01", "2025-06-30", "2026-01-01"],
    "timestamp": ["2025-01-01T00:00:00Z", "2025-06-30T12:00:00+02:00", "2026-01-01T00:00:00Z"],
    "json": [{}, {"ar": "أ"}, {"ar": "أ", "en": "a"}, {"en": 1}, {"ar": ""}, [], "a"],
}
WRONG = [None, True, 7, 1.5, "x", "\0", [1], {"ar": 1}, 2**60]


def _maybe(draw: st.DrawFn, field: dict[str, Any], key: str, values: list[Any]) -> None:
    if draw(st.integers(0, 3)) == 0:
        field[key] = draw(st.sampled_from(values))


@st.composite
def plain_fields(draw: st.DrawFn) -> dict[str, Any]:
    """One field without a reference, with any of the rules of its type."""
    kind = draw(st.sampled_from(sorted(VALUES)))
    field: dict[str, Any] = {"type": kind}
    _maybe(draw, field, "required", [True])
    _maybe(draw, field, "readOnly", [True, False, False])
    if kind != "json":
        _maybe(draw, field, "unique", [True, False])
    if kind in ("text", "integer"):
        _maybe(draw, field, "enum", [VALUES[kind][:2], VALUES[kind][2:]])
    if kind == "text":
        _maybe(draw, field, "maxLength", [1, 2])
        _maybe(draw, field, "pattern", ["^[ab]", "a$", "é"])
    if kind in ("integer", "decimal", "date", "timestamp"):
        _maybe(draw, field, "min", VALUES[kind][1:3])
        _maybe(draw, field, "max", VALUES[kind][1:])
    if kind == "json":
        _maybe(draw, field, "shape", [{"ar": "required", "en": "optional"}, {"ar": "optional"}])
    fitting = [value for value in VALUES[kind] if fits(field, value)]
    now = ["now"] if kind in ("date", "timestamp") else []
    _maybe(draw, field, "default", fitting + now or [None])
    if not fitting:
        field["required"] = False
    return field


@st.composite
def schemas(draw: st.DrawFn) -> dict[str, Any]:
    """The tables of a definition; not all of them are sound."""
    key = {"type": "text", "primaryKey": True}
    tables: dict[str, Any] = {name: {"fields": {"id": dict(key)}} for name in NAMES}
    for table in tables.values():
        for i in range(draw(st.integers(0, 2))):
            table["fields"][f"f{i}"] = draw(plain_fields())
    for i in range(draw(st.integers(2, 6))):
        _add_reference(draw, tables, f"r{i}")
    for table in tables.values():
        columns = [n for n, f in table["fields"].items() if f["type"] != "json"]
        if len(columns) > 2 and draw(st.booleans()):
            table["indexes"] = [{"fields": columns[1:3], "unique": True}]
    return tables


def _add_reference(draw: st.DrawFn, tables: dict[str, Any], name: str) -> None:
    """Add a field that refers to a key or to a unique field, which may itself refer."""
    targets = [
        (table, field, rules["type"])
        for table, definition in tables.items()
        for field, rules in definition["fields"].items()
        if rules.get("primaryKey") or rules.get("unique")
        for _ in range(4 if "references" in rules else 1)  # chains are where it gets difficult
    ]
    table, field, kind = draw(st.sampled_from(targets))
    deletion = draw(st.sampled_from(["restrict", "cascade", "set-null", "set-null"]))
    reference = {"table": table, "field": field, "onDelete": deletion}
    rules = {"type": kind, "references": reference, "unique": draw(st.integers(0, 3)) > 0}
    if deletion != "set-null":
        _maybe(draw, rules, "required", [True])
    tables[draw(st.sampled_from(NAMES))]["fields"][name] = rules


def _values(rules: dict[str, Any], data: Data) -> st.SearchStrategy[Any]:
    """Values of a field: mostly such as its rules and the rows in *data* take."""
    right = [value for value in VALUES[rules["type"]] if fits(rules, value)]
    if reference := rules.get("references"):
        there = [row[reference["field"]] for row in data[reference["table"]].values()]
        right = [value for value in there if value is not None]
    often = st.sampled_from(right) if right else st.none()
    seldom = st.sampled_from([*VALUES[rules["type"]], *WRONG])
    return st.one_of(*[often] * 12, st.none(), seldom)


def rows(fields: dict[str, Any], data: Data) -> st.SearchStrategy[dict[str, Any]]:
    """The data of an INSERT; what is required or refers is nearly always there."""
    wanted = {
        name: _values(rules, data)
        for name, rules in fields.items()
        if name != "id" and not rules.get("readOnly")
    }
    needed = {n for n in wanted if fields[n].get("required") or "references" in fields[n]}
    return st.fixed_dictionaries(
        {"id": st.sampled_from(KEYS), **{n: wanted[n] for n in needed}},
        optional={n: v for n, v in wanted.items() if n not in needed},
    )


def named_rows(tables: dict[str, Any], data: Data) -> st.SearchStrategy[tuple[str, Any]]:
    """Rows for an import, each with its table."""
    return st.sampled_from(NAMES).flatmap(
        lambda name: st.tuples(st.just(name), rows(tables[name]["fields"], data))
    )


@st.composite
def ops(draw: st.DrawFn, tables: dict[str, Any], data: Data) -> dict[str, Any]:
    """One INSERT, UPDATE (by `changes` or `add`) or DELETE, mostly of rows that are there."""
    table, row = draw(named_rows(tables, data))
    kind = draw(st.sampled_from(["INSERT", "INSERT", "UPDATE", "ADD", "DELETE"]))
    if kind == "INSERT" or not data[table]:
        return {"type": "INSERT", "table": table, "data": row}
    key = row.pop("id") if draw(st.integers(0, 9)) == 0 else draw(st.sampled_from([*data[table]]))
    told = {"type": "UPDATE", "table": table, "id": key}
    fields = tables[table]["fields"]
    numbers = [name for name, rules in fields.items() if rules["type"] in ("integer", "decimal")]
    if kind == "ADD" and numbers:
        number = draw(st.sampled_from(numbers))
        return {**told, "add": {number: draw(st.sampled_from([-1, 0.5, 1, 2]))}}
    if kind == "DELETE":
        return {**told, "type": kind}
    some = draw(st.sets(st.sampled_from([*row]), max_size=2)) if row else set()
    return {**told, "changes": {name: row[name] for name in some if name != "id"}}


def commands(tables: dict[str, Any], data: Data) -> st.SearchStrategy[dict[str, Any]]:
    one = ops(tables, data)
    several = st.lists(one, min_size=2, max_size=3)
    return st.one_of(one, one, several.map(lambda some: {"type": "TRANSACTION", "ops": some}))


def fits(rules: dict[str, Any], value: Any) -> bool:
    return not any(broken_value("", rules, value))
