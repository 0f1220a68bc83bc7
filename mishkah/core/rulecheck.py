"""What the rules of roles name and is not there, and what of them can never count."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec

from mishkah.core.access import OWNER, Access, AccessRule, Role, deciding, filled
from mishkah.core.errors import InvalidRow
from mishkah.core.ids import StoreId
from mishkah.core.reach import ANY, HOUSE, Scope, names
from mishkah.core.schema import Schema, SchemaProblem, Table
from mishkah.core.where import read_where


class Place(msgspec.Struct, frozen=True):
    """A store whose tables are *schema*; without a *branch* any that a pattern may open."""

    branch: str | None
    schema: Schema

    def reached_by(self, rule: AccessRule) -> bool:
        if self.branch is not None:
            return rule.reaches(StoreId(self.branch, self.schema.module))
        wild = any(branch.endswith(ANY) for branch in rule.branches)
        return wild and names(rule.modules, self.schema.module)


class Ground(msgspec.Struct, frozen=True, kw_only=True):
    """What rules are held against: the roles, branches, modules and tables that there are."""

    roles: Mapping[str, Role]
    is_branch: Callable[[str], bool]
    modules: frozenset[str]
    places: Sequence[Place]


Found = Iterator[tuple[SchemaProblem, bool]]
"""(what and where, whether it is a mere note)"""


def check_rules(access: Access, ground: Ground) -> Found:
    """Yield what is wrong in a file of roles, and what is worth a note."""
    for i, scope in enumerate(access.public):
        yield from _public(f"$.public[{i}]", scope, ground)
    for name, role in access.roles.items():
        for i, rule in enumerate(role.rules):
            yield from _rule(f"$.roles.{name}.rules[{i}]", rule, role.rules[:i], ground)
            if name != OWNER and HOUSE in rule.branches:
                at = f"$.roles.{name}.rules[{i}].branches[{rule.branches.index(HOUSE)}]"
                yield _note(at, f"this counts for the role {OWNER} alone")
        yield from _unread(f"$.roles.{name}", role, ground)


def _public(at: str, scope: Scope, ground: Ground) -> Found:
    yield from _stores(at, scope, ground)
    role = ground.roles.get(scope.role)
    if role is None and scope.role:
        yield _wrong(f"{at}.role", "there is no such role")
    elif scope.role == OWNER and names(scope.branches, HOUSE):
        yield _wrong(f"{at}.role", "this role reaches users and devices: name the branches")


def _stores(at: str, place: Scope | AccessRule, ground: Ground) -> Found:
    """Find branches and modules that are not there: a misspelt one would allow nothing."""
    for i, branch in enumerate(place.branches):
        if not branch.endswith(ANY) and branch != HOUSE and not ground.is_branch(branch):
            yield _wrong(f"{at}.branches[{i}]", "there is no such branch")
    if HOUSE in place.branches:
        return
    for i, module in enumerate(place.modules):
        if not any(names([module], known) for known in ground.modules):
            yield _wrong(f"{at}.modules[{i}]", "there is no such module")


def _rule(at: str, rule: AccessRule, earlier: Sequence[AccessRule], ground: Ground) -> Found:
    misnamed = list(_stores(at, rule, ground))
    yield from misnamed
    reached = [place for place in ground.places if place.reached_by(rule)]
    if not reached:
        if not misnamed and HOUSE not in rule.branches:
            yield _note(at, "no store is meant by this rule")
        return
    yield from _tables(at, rule, reached)
    meant = [
        (place, table)
        for place in reached
        for name, table in place.schema.tables.items()
        if names(rule.tables, name)
    ]
    yield from _fields(at, rule, [table for _, table in meant])
    wrong = (found for place, table in meant for found in _condition(at, rule, place, table))
    yield from dict.fromkeys(wrong)
    if meant and all(_is_decided(rule, earlier, *one) for one in meant):
        yield _note(at, "earlier rules decide all that this one is about")


def _is_decided(
    rule: AccessRule, earlier: Sequence[AccessRule], place: Place, table: Table
) -> bool:
    before = deciding([one for one in earlier if place.reached_by(one)], table.name)
    return before.keys() >= {*rule.do}


def _tables(at: str, rule: AccessRule, reached: Sequence[Place]) -> Found:
    for i, table in enumerate(rule.tables):
        if not any(names([table], name) for place in reached for name in place.schema.tables):
            where = ", ".join(sorted({place.schema.module for place in reached}))
            yield _wrong(f"{at}.tables[{i}]", f"there is no such table in {where}")


def _fields(at: str, rule: AccessRule, meant: Sequence[Table]) -> Found:
    for key, fields in (("fields", rule.fields), ("except", rule.but)):
        for i, field in enumerate(fields or ()):
            if meant and not any(field in table.fields for table in meant):
                tables = ", ".join(dict.fromkeys(table.name for table in meant))
                yield _wrong(f"{at}.{key}[{i}]", f"there is no such field in {tables}")


def _condition(at: str, rule: AccessRule, place: Place, table: Table) -> Found:
    if rule.where is None:
        return
    said = {"$user": "user", "$branch": place.branch or "branch"}
    try:
        read_where(filled(rule.where, said.get), [table])
    except InvalidRow as no:
        for detail in no.details:
            yield _wrong(f"{at}{_path(detail.path)}", f"{table.name}: {detail.text.en}")


def _path(pointer: str) -> str:
    """Return a JSON pointer in the form of paths: ``/where/and/0`` is ``.where.and[0]``."""
    steps = pointer.split("/")[1:]
    return "".join(f"[{step}]" if step.isdigit() else f".{step}" for step in steps)


def _unread(at: str, role: Role, ground: Ground) -> Found:
    """Note what may be changed and not read: it can't be changed."""
    told: set[str] = set()
    for place in ground.places:
        rules = [rule for rule in role.rules if place.reached_by(rule)]
        for table in place.schema.tables:
            allowed = {deed for deed, rule in deciding(rules, table).items() if rule.allow}
            if allowed & {"update", "delete"} and "read" not in allowed and table not in told:
                told.add(table)
                yield _note(at, f"{table} may be changed and not read: no row can be named")


def _wrong(path: str, message: str) -> tuple[SchemaProblem, bool]:
    return SchemaProblem(path, message), False


def _note(path: str, message: str) -> tuple[SchemaProblem, bool]:
    return SchemaProblem(path, message), True
