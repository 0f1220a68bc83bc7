"""Roles: the file that says who may do what, and what a role comes to in one store.

For a table and a deed the first rule of the role that names both decides, and no other. What
no rule names is not allowed.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any, Literal

import msgspec

from mishkah.core.errors import InvalidRow
from mishkah.core.grants import READ, Grant, Permit, TableGrant
from mishkah.core.ids import StoreId, is_id
from mishkah.core.reach import ANY, HOUSE, Scope, names
from mishkah.core.schema import Schema, Table
from mishkah.core.shapes import ConfigFile
from mishkah.core.where import MAX_DEPTH, read_where

OWNER = "owner"
"""The role of who may do everything, in the house's own stores too."""

Deed = Literal["read", "insert", "update", "delete", "call"]
Note = str | tuple[str, ...]

VARIABLES = ("$user", "$branch")
"""What a filter of a rule may say in place of a value."""


class AccessRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is allowed where; a key that is left out leaves nothing out.

    In `branches`, `modules` and `tables` a ``*`` at the end means every name that begins so.
    `fields` are those that may be read or given, `except` all but those. `where` is a filter of
    the protocol that holds the rows; its values may be ``$user`` and ``$branch``. With `allow`
    false nothing is allowed, whatever a later rule says.
    """

    note: Note = msgspec.field(name="//", default="")
    do: tuple[Deed, ...]
    allow: bool = True
    branches: tuple[str, ...] = (ANY,)
    modules: tuple[str, ...] = (ANY,)
    tables: tuple[str, ...] = (ANY,)
    fields: tuple[str, ...] | None = None
    but: tuple[str, ...] | None = msgspec.field(name="except", default=None)
    where: Any = None

    def reaches(self, store: StoreId) -> bool:
        """Tell whether the rule counts in *store*: in the house's own only if it says so."""
        if store.branch == HOUSE and HOUSE not in self.branches:
            return False
        return names(self.branches, store.branch) and names(self.modules, store.module)

    def chosen(self, table: Table) -> frozenset[str] | None:
        """Return the fields of *table* that are meant, its primary key too; None is all."""
        if self.fields is None and self.but is None:
            return None
        kept = table.fields.keys() & self.fields if self.fields is not None else table.fields.keys()
        return frozenset({table.primary_key, *(kept - set(self.but or ()))})


class Role(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, dict=True):
    """Rules under one name, in the order that they are asked in."""

    note: Note = msgspec.field(name="//", default="")
    label: Any = None
    description: Any = None
    rules: tuple[AccessRule, ...]

    @cached_property
    def asks_user(self) -> bool:
        """Whether it comes to something else for each user."""
        return any("$user" in variables_of(rule.where) for rule in self.rules)


class Access(ConfigFile, frozen=True, kw_only=True):
    """`access.json`: roles, and what who brings no token may do (`public`: nothing)."""

    note: Note = msgspec.field(name="//", default="")
    version: int = 1
    roles: dict[str, Role]
    public: tuple[Scope, ...] = ()


def grant_of(role: Role, store: StoreId, schema: Schema, user: str | None) -> Grant:
    """Return what *role* comes to in *store*, whose tables are *schema*, for *user*.

    It is the same for every user unless the role `asks_user`. Who has no user is not allowed what
    a rule ties to one.
    """
    rules = [rule for rule in role.rules if rule.reaches(store)]
    said = {"$user": user, "$branch": store.branch}
    tables = {name: _table_grant(rules, table, said) for name, table in schema.tables.items()}
    return Grant(schema, tables)


def deciding(rules: Iterable[AccessRule], table: str) -> Mapping[str, AccessRule]:
    """Return the rule that decides each deed with *table*: the first that names both."""
    first: dict[str, AccessRule] = {}
    for rule in rules:
        if names(rule.tables, table):
            for deed in rule.do:
                first.setdefault(deed, rule)
    return first


def _table_grant(
    rules: Iterable[AccessRule], table: Table, said: Mapping[str, str | None]
) -> TableGrant:
    found = {deed: _permit(rule, table, said) for deed, rule in deciding(rules, table.name).items()}
    permits = {deed: permit for deed, permit in found.items() if permit is not None}
    read = permits.pop(READ, None)
    if read is None:
        return TableGrant(table=table, permits=permits)
    shown = table.public if read.fields is None else table.public.narrowed(read.fields)
    return TableGrant(table=table, shown=shown, held=read.where, permits=permits)


def _permit(rule: AccessRule, table: Table, said: Mapping[str, str | None]) -> Permit | None:
    """Return the leave that *rule* gives; None where it gives none, or its filter is of no use."""
    if not rule.allow:
        return None
    fields = rule.chosen(table)
    if rule.where is None:
        return Permit(fields)
    try:
        return Permit(fields, read_where(filled(rule.where, said.get), [table]))
    except (InvalidRow, Unsaid):  # a user whose id is no number, in a field of numbers
        return None


class Unsaid(Exception):
    """A filter asks for what is not there: the user of who has none."""


def filled(where: Any, say: Callable[[str], str | None], depth: int = 0) -> Any:
    """Return the filter *where* with what *say* makes of each variable in its place.

    ``$$user`` stands for the text ``$user``. Raises Unsaid where *say* returns None.
    """
    if depth > 2 * MAX_DEPTH or not isinstance(where, list | Mapping):
        return where  # which `read_where` refuses
    if isinstance(where, Mapping):
        return {key: filled(inner, say, depth + 1) for key, inner in where.items()}
    match where:
        case [str(field), operator, list(values)]:
            return [field, operator, [_filled_value(value, say) for value in values]]
        case [str(field), operator, value]:
            return [field, operator, _filled_value(value, say)]
    return [filled(part, say, depth + 1) for part in where]


def _filled_value(value: Any, say: Callable[[str], str | None]) -> Any:
    if not isinstance(value, str) or not value.startswith("$"):
        return value
    if value.startswith("$$"):
        return value[1:]
    found = say(value)
    if found is None:
        raise Unsaid(value)
    return found


def variables_of(where: Any) -> set[str]:
    """Return the variables that a filter has in place of values, known or not."""
    asked: set[str] = set()

    def say(variable: str) -> str:
        asked.add(variable)
        return ""

    filled(where, say)
    return asked


def bound(role: Role, module: str) -> Role:
    """Return *role* as the package of *module* means it: for that module alone."""
    rules = tuple(msgspec.structs.replace(rule, modules=(module,)) for rule in role.rules)
    return msgspec.structs.replace(role, rules=rules)


def joined(one: Mapping[str, Role], other: Mapping[str, Role]) -> Mapping[str, Role]:
    """Return the roles of both; the rules of *one* come first in a role that both have."""
    both = {
        name: msgspec.structs.replace(role, rules=(*one[name].rules, *role.rules))
        for name, role in other.items()
        if name in one
    }
    return {**other, **one, **both}


def check_access(config: Access) -> Iterator[tuple[str, str]]:
    """Yield (path, message) of what is wrong in the file whatever there is to be served."""
    if config.version != 1:
        yield "$.version", f"version {config.version} is not known; this is 1"
    for name, role in config.roles.items():
        at = f"$.roles.{name}"
        if not is_id(name):
            yield at, "this can't name a role: 1-64 of a-z 0-9 _ . : -"
        for i, rule in enumerate(role.rules):
            yield from _check_rule(f"{at}.rules[{i}]", rule)


def _check_rule(at: str, rule: AccessRule) -> Iterator[tuple[str, str]]:
    if not rule.do:
        yield f"{at}.do", "name at least one of read, insert, update, delete, call"
    if rule.fields is not None and rule.but is not None:
        yield f"{at}.except", "a rule has fields or except, not both"
    narrowed = (("fields", rule.fields), ("except", rule.but), ("where", rule.where))
    for key, given in narrowed:
        if given is not None and not rule.allow:
            yield f"{at}.{key}", "a rule that allows nothing has none of these"
    for variable in sorted(variables_of(rule.where).difference(VARIABLES)):
        known = ", ".join(VARIABLES)
        yield f"{at}.where", f"there is no {variable}; there are {known}, and $$ for a dollar sign"
