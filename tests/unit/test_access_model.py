"""Any rules against a plain model, which walks them one by one for each row and field.

The model knows nothing of grants: it reads the decoded file as docs/access.md explains it.
"""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from mishkah.core.access import Role, grant_of
from mishkah.core.ids import StoreId
from mishkah.core.shapes import fit
from mishkah.core.soundness import read_schema

Raw = dict[str, Any]

TABLES = ("item", "item_log", "shelf")
FIELDS = ("a", "b", "n")
TEXTS = ("", "amal", "dar", "$user")
NUMBERS = (0, 1, 2)
DEEDS = ("read", "insert", "update", "delete", "call")
USERS = (None, "amal", "$user")
STORES = (("dar", "pos"), ("dar2", "pos"), ("gim", "gym"), ("_house", "identity"))

names = st.sampled_from
texts = names(("amal", "dar", "$user", "$branch", "$$user"))


def lists(of: tuple[str, ...]) -> st.SearchStrategy[list[str]]:
    return st.lists(names(of), max_size=2, unique=True)


@st.composite
def schemas(draw: st.DrawFn) -> Raw:
    """Two or three tables of texts and numbers, some of them secret."""
    tables: Raw = {}
    for table in draw(st.lists(names(TABLES), min_size=2, unique=True)):
        fields: Raw = {"id": {"type": "text", "primaryKey": True}}
        for field in draw(st.lists(names(FIELDS), unique=True)):
            kind = "integer" if field == "n" else draw(names(("text", "text", "integer")))
            fields[field] = {"type": kind, "secret": draw(names((False, False, True)))}
        tables[table] = {"fields": fields}
    return tables


conditions = st.one_of(
    st.tuples(names(("id", "a", "b")), names(("=", "!=", "<", "prefix")), texts),
    st.tuples(names(("n", "a")), names(("=", "!=", ">=")), names(NUMBERS)),
    st.tuples(names(("a", "b")), st.just("in"), st.lists(texts, min_size=1, max_size=2)),
    st.tuples(names(("n", "b")), st.just("null"), st.booleans()),
    st.tuples(st.just("n"), st.just("between"), st.lists(names(NUMBERS), min_size=2, max_size=2)),
).map(list)
filters = st.recursive(
    conditions,
    lambda inner: st.one_of(
        st.builds(lambda one: {"not": one}, inner),
        st.builds(
            lambda word, some: {word: some},
            names(("and", "or")),
            st.lists(inner, min_size=1, max_size=2),
        ),
    ),
    max_leaves=3,
)


@st.composite
def rules(draw: st.DrawFn) -> Raw:
    rule: Raw = {"do": draw(st.lists(names(DEEDS), min_size=1, max_size=3, unique=True))}
    for key, some in (
        ("branches", ("*", "dar*", "dar", "gim", "_house", "_*")),
        ("modules", ("*", "pos", "g*", "identity")),
        ("tables", ("*", "item*", "item", "shelf")),
    ):
        if draw(st.booleans()):
            rule[key] = draw(st.lists(names(some), min_size=1, max_size=2, unique=True))
    if draw(st.integers(0, 5)) == 0:
        return {**rule, "allow": False}
    key = draw(names((None, None, "fields", "except")))
    if key:
        rule[key] = draw(lists(("id", *FIELDS)))
    if draw(st.integers(0, 2)):
        rule["where"] = draw(filters)
    return rule


def matches(patterns: list[str], name: str) -> bool:
    for pattern in patterns:
        if pattern[-1] == "*" and name[: len(pattern) - 1] == pattern[:-1]:
            return True
        if pattern == name:
            return True
    return False


class Model:
    """Somebody with *rules* in a store, in the plainest words."""

    def __init__(self, some: list[Raw], branch: str, module: str, user: str | None) -> None:
        self.rules, self.branch, self.module, self.user = some, branch, module, user

    def rule(self, table: str, deed: str) -> Raw | None:
        """Return the one that decides, if it allows anything at all."""
        for rule in self.rules:
            if self.branch == "_house" and "_house" not in rule.get("branches", []):
                continue
            if (
                deed in rule["do"]
                and matches(rule.get("branches", ["*"]), self.branch)
                and matches(rule.get("modules", ["*"]), self.module)
                and matches(rule.get("tables", ["*"]), table)
            ):
                return rule if rule.get("allow", True) else None
        return None

    def may(self, deed: str, table: str, fields: Raw, row: Raw) -> bool:
        """Tell whether *deed* may be done with this *row*; *fields* are those of the table."""
        rule = self.rule(table, deed)
        if rule is None:
            return False
        if "where" not in rule:
            return True
        return self.makes_sense(rule["where"], fields) and self.holds(rule["where"], row)

    def may_field(self, deed: str, table: str, field: str, *, key: bool) -> bool:
        rule = self.rule(table, deed)
        if rule is None:
            return False
        return key or (field in rule.get("fields", [field]) and field not in rule.get("except", []))

    def said(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self.said(one) for one in value]
        return {"$user": self.user, "$branch": self.branch, "$$user": "$user"}.get(value, value)

    def makes_sense(self, where: Any, fields: Raw) -> bool:
        if isinstance(where, dict):
            ((word, inner),) = where.items()
            parts = [inner] if word == "not" else inner
            return all(self.makes_sense(part, fields) for part in parts)
        field, operator, value = where
        if field not in fields:
            return False
        if operator == "null":
            return True
        kind = str if fields[field]["type"] == "text" else int
        if operator == "prefix" and kind is int:
            return False
        value = self.said(value)
        return all(isinstance(one, kind) for one in (value if isinstance(value, list) else [value]))

    def holds(self, where: Any, row: Raw) -> bool:
        if isinstance(where, dict):
            ((word, inner),) = where.items()
            if word == "not":
                return not self.holds(inner, row)
            found = [self.holds(part, row) for part in inner]
            return all(found) if word == "and" else any(found)
        field, operator, value = where
        kept, value = row[field], self.said(value)
        match operator:
            case "null":
                return bool((kept is None) == value)
            case "!=":
                return bool(kept != value)
            case _ if kept is None:
                return False
            case "=":
                return bool(kept == value)
            case "in":
                return kept in value
            case "<":
                return bool(kept < value)
            case ">=":
                return bool(kept >= value)
            case "between":
                return bool(value[0] <= kept <= value[1])
        return bool(kept.startswith(value))


def rows(fields: Raw) -> st.SearchStrategy[Raw]:
    values: Raw = {"text": names((None, *TEXTS)), "integer": names((None, *NUMBERS))}
    some = {name: values[rules["type"]] for name, rules in fields.items()}
    return st.fixed_dictionaries({**some, "id": names(TEXTS[1:])})


@settings(max_examples=400)
@given(st.data(), schemas(), st.lists(rules(), min_size=1, max_size=6), names(USERS), names(STORES))
def test_a_grant_is_what_the_rules_say_row_by_row_and_field_by_field(
    data: st.DataObject, tables: Raw, some: list[Raw], user: str | None, store: tuple[str, str]
) -> None:
    schema, problems = read_schema(store[1], {"tables": tables})
    assert schema is not None, problems
    grant = grant_of(fit({"rules": some}, Role), StoreId(*store), schema, user)
    model = Model(some, *store, user)
    for name, table in schema.tables.items():
        one, fields = grant.tables[name], tables[name]["fields"]
        for row in data.draw(st.lists(rows(fields), min_size=1, max_size=3)):
            told = one.line(table.encode({field: row[field] for field in table.fields}))
            may = model.may("read", name, fields, row)
            seen = {
                field: row[field]
                for field, about in fields.items()
                if may
                and not about.get("secret")
                and model.may_field("read", name, field, key=field == "id")
            }
            assert (None if told is None else table.decode(told)) == (seen or None)
            for deed in DEEDS[1:]:
                permit = one.permits.get(deed)
                done = permit is not None and permit.holds(row)
                assert done is model.may(deed, name, fields, row)
                for field in fields if permit is not None and done else ():
                    given_it = permit.fields is None or field in permit.fields
                    assert given_it is model.may_field(deed, name, field, key=field == "id")
