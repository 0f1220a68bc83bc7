"""The installation's three files, as values: branches, modules, sequence rules."""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from mishkah.core.errors import CONTROL
from mishkah.core.ids import is_id
from mishkah.core.patterns import compiled
from mishkah.core.sequences import Rule
from mishkah.core.shapes import ConfigFile

DEFAULT_MAX_PATTERN_BRANCHES = 100
MAX_PATH = 120
STORE_FILE = "store.sqlite3"
"""The name of a store's own file, which lies beside its live data."""


class Branch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A listed branch. Without `modules` it has the installation's `defaults`."""

    label: Any = ""
    modules: tuple[str, ...] | None = None
    timezone: str | None = None


class Pattern(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Branches that open on first use: every id in which `match` is found."""

    match: str
    modules: tuple[str, ...]
    timezone: str | None = None


class Branches(ConfigFile, frozen=True, kw_only=True, rename="camel"):
    """`branches.config.json`."""

    branches: dict[str, Branch]
    patterns: tuple[Pattern, ...] = ()
    defaults: tuple[str, ...] = ()
    default_branch: str | None = None
    timezone: str = "UTC"
    max_pattern_branches: int = DEFAULT_MAX_PATTERN_BRANCHES
    version: int = 1

    def modules_of(self, branch: str) -> tuple[str, ...] | None:
        """Return the modules of *branch*, or None where it is neither listed nor matched."""
        listed = self.branches.get(branch)
        if listed is not None:
            return self.defaults if listed.modules is None else listed.modules
        pattern = self._pattern(branch)
        return None if pattern is None else pattern.modules

    def zone_of(self, branch: str) -> ZoneInfo:
        place = self.branches.get(branch) or self._pattern(branch)
        return ZoneInfo((place and place.timezone) or self.timezone)

    def _pattern(self, branch: str) -> Pattern | None:
        found = (p for p in self.patterns if re.search(p.match, branch))
        return next(found, None) if is_id(branch) else None

    @property
    def first(self) -> str | None:
        """The branch of a client that names none."""
        return self.default_branch or next(iter(self.branches), None)


class Module(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """One module of `modules.json`; paths lie in the module's folder of each branch."""

    label: Any = ""
    description: Any = None
    schema_path: str = "schema/definition.json"
    seed_path: str = "seeds/initial.json"
    live_path: str = "live/data.json"
    history_path: str = "history"
    tables: tuple[str, ...] | None = None


class Modules(ConfigFile, frozen=True, kw_only=True):
    """`modules.json`."""

    modules: dict[str, Module]
    version: int = 1


FieldRules = Mapping[str, Mapping[str, Rule]]
"""table → field → rule"""


class SequenceRules(ConfigFile, frozen=True, kw_only=True):
    """`sequence-rules.json`: each branch's rules, and each module's for branches without."""

    branches: dict[str, dict[str, dict[str, dict[str, Rule]]]] = msgspec.field(default_factory=dict)
    defaults: dict[str, dict[str, dict[str, Rule]]] = msgspec.field(default_factory=dict)
    version: int = 1

    def rules_of(self, branch: str, module: str) -> FieldRules:
        """Return the rules of a store: the branch's own, field by field, over the module's."""
        own = self.branches.get(branch, {}).get(module, {})
        base = self.defaults.get(module, {})
        return {table: {**base.get(table, {}), **own.get(table, {})} for table in {**base, **own}}


Problem = tuple[str, str]
"""(path, message)"""


def check_version(config: Branches | Modules | SequenceRules) -> Iterator[Problem]:
    if config.version != 1:
        yield "$.version", f"version {config.version} is not known; this is 1"


def check_branches(config: Branches) -> Iterator[Problem]:
    for name, branch in config.branches.items():
        at = f"$.branches.{name}"
        if not is_id(name):
            yield at, "this can't name a branch: 1-64 of a-z 0-9 _ . : -, and never two dots"
        yield from _check_place(at, config.modules_of(name) or (), branch.timezone)
    for i, pattern in enumerate(config.patterns):
        at = f"$.patterns[{i}]"
        try:
            compiled(pattern.match)
        except ValueError as error:
            yield f"{at}.match", str(error)
        yield from _check_place(at, pattern.modules, pattern.timezone)
    yield from _check_place("$", config.defaults or ("ok",), config.timezone)
    default = config.default_branch
    if default is not None and default not in config.branches:
        yield "$.defaultBranch", "there is no such branch in branches"
    if config.max_pattern_branches < 0:
        yield "$.maxPatternBranches", "this is a number of branches, 0 or more"


def _check_place(at: str, modules: tuple[str, ...], timezone: str | None) -> Iterator[Problem]:
    if not modules:
        yield f"{at}.modules", "no module: name some here or in defaults"
    for module in modules:
        if not is_id(module):
            yield f"{at}.modules", "this can't name a module: 1-64 of a-z 0-9 _ . : -"
    try:
        ZoneInfo("UTC" if timezone is None else timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        yield f"{at}.timezone", "this is no time zone of the IANA database"


def check_modules(config: Modules) -> Iterator[Problem]:
    for name, module in config.modules.items():
        at = f"$.modules.{name}"
        if not is_id(name):
            yield at, "this can't name a module: 1-64 of a-z 0-9 _ . : -"
        paths = {
            "schemaPath": module.schema_path,
            "seedPath": module.seed_path,
            "livePath": module.live_path,
            "historyPath": module.history_path,
        }
        problems = [(f"{at}.{key}", why) for key, path in paths.items() for why in _path(path)]
        yield from problems or ((f"{at}.{key}", why) for key, why in _collisions(paths))


def _path(path: str) -> Iterator[str]:
    steps = path.replace("\\", "/").split("/")
    if {"", ".", ".."} & set(steps) or ":" in path or CONTROL.search(path):
        yield "this path leaves the module's folder"
    elif len(path) > MAX_PATH:
        yield f"a path has at most {MAX_PATH} characters"


def _collisions(paths: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Find paths of one module that can't be told apart, or that lie below a file."""
    folder = paths["livePath"].rpartition("/")[0]
    store = f"{folder}/{STORE_FILE}" if folder else STORE_FILE
    for key, path in paths.items():
        if path == store or path.startswith(f"{store}-"):
            yield key, f"the store itself lies in {store}"
        for other, file in paths.items():
            below = path.startswith(f"{file}/") and other != "historyPath"
            if key != other and (path == file or below):
                yield key, f"this is {'below' if below else 'the same as'} {other}"
