"""What to serve: the files of the data folder and the installed plugins, as recipes for stores.

A branch's own file wins over the package's, so that a module can also be data only.
"""

import os
from collections.abc import Iterator, Mapping
from functools import cached_property
from importlib.resources.abc import Traversable
from pathlib import Path

from mishkah.core.access import Access, Role
from mishkah.core.config import (
    STORE_FILE,
    Branches,
    Module,
    Modules,
    SequenceRules,
    check_branches,
    check_modules,
    check_version,
)
from mishkah.core.errors import Finding
from mishkah.core.ids import StoreId, folder_name, from_folder_name, is_id
from mishkah.core.judging import Rules
from mishkah.core.schema import Schema, with_unique
from mishkah.core.seeding import Live, Recipe, Seeded, read_seeds
from mishkah.core.sequences import Sequence, make_sequence
from mishkah.core.soundness import read_schema
from mishkah.identity.tables import IDENTITY, identity_recipe
from mishkah.jsonfile import PACKAGED, BadFile, parse_json, placing, read_bytes, shape
from mishkah.plugins import Plugins
from mishkah.roles import ACCESS, read_access, ready_made

BRANCHES = "branches.config.json"
MODULES = "modules.json"
SEQUENCES = "sequence-rules.json"


class Catalog:
    """One installation: the folder *data* and *plugins*. Raises BadFile where it can't be read."""

    def __init__(self, data: Path, plugins: Plugins) -> None:
        self.data = data
        self.plugins = plugins
        self.branches = shape(BRANCHES, self._file(BRANCHES), Branches)
        self.modules = shape(MODULES, self._file(MODULES, b'{"modules": {}}'), Modules)
        self.sequences = shape(SEQUENCES, self._file(SEQUENCES, b"{}"), SequenceRules)
        problems = [
            Finding(file, path, message)
            for file, found in (
                (BRANCHES, check_version(self.branches)),
                (BRANCHES, check_branches(self.branches)),
                (MODULES, check_version(self.modules)),
                (MODULES, check_modules(self.modules)),
                (SEQUENCES, check_version(self.sequences)),
            )
            for path, message in found
        ]
        if problems:
            raise BadFile(*problems)
        self.access, self.roles = self.read_roles()
        """Who may do what where the installation says so, and every role there is."""
        self._schemas: dict[tuple[str, bytes], Schema] = {}

    def read_roles(self) -> tuple[Access | None, Mapping[str, Role]]:
        """Return the installation's own file of roles, and every role.

        Those of the file win over those of the modules' packages and our own. Raises BadFile.
        """
        own = read_bytes(self.data / ACCESS, ACCESS)
        access = None if own is None else read_access(ACCESS, own)
        made = ready_made(self.plugins.modules)
        return access, {**made, **(access.roles if access else {})}

    def _file(self, name: str, otherwise: bytes | None = None) -> object:
        content = read_bytes(self.data / name, name)
        if content is None:
            content = otherwise
        if content is None:
            raise BadFile(Finding(name, "$", f"there is no {name} in {self.data}"))
        return parse_json(name, content)

    @cached_property
    def listed(self) -> list[StoreId]:
        """The stores of the branches that are listed, in the order of the file."""
        return [
            StoreId(branch, module)
            for branch in self.branches.branches
            for module in self.branches.modules_of(branch) or ()
        ]

    @property
    def closed(self) -> bool:
        """Whether there is access control: roles of its own, or a place for who may come in.

        Where what was there can't be reached, a link to a disk that is not there or a file that was
        taken away, nobody comes in; that is better than everybody. Raises OSError where another
        user's folder is not shown.
        """
        there = (self.data / ACCESS).exists() or self.store_path(IDENTITY).exists()
        return there or os.path.lexists(self.folder(IDENTITY))

    @property
    def named_modules(self) -> set[str]:
        """The modules that any file of the installation names."""
        branches = self.branches
        listed = {store.module for store in self.listed}
        matched = {module for pattern in branches.patterns for module in pattern.modules}
        return listed | matched | set(self.modules.modules)

    def resolve(self, branch: str | None, module: str | None) -> StoreId | None:
        """Return the store that a client means, or None where there is no such store."""
        branch = self.branches.first if branch is None else branch
        modules = self.branches.modules_of(branch) if branch is not None else None
        if branch is None or not modules:
            return None
        module = modules[0] if module is None else module
        return StoreId(branch, module) if module in modules else None

    def made_by_patterns(self) -> set[str]:
        """Return the branches on disk that are not listed: those that patterns have opened."""
        try:
            names = [entry.name for entry in (self.data / "branches").iterdir()]
        except OSError:
            return set()
        ids = {from_folder_name(name) for name in names}
        return {name for name in ids if is_id(name) and name not in self.branches.branches}

    def module(self, module: str) -> Module:
        return self.modules.modules.get(module, Module())

    def folder(self, store: StoreId) -> Path:
        if store == IDENTITY:
            return self.data / "identity"
        branch, module = folder_name(store.branch), folder_name(store.module)
        return self.data / "branches" / branch / "modules" / module

    def store_path(self, store: StoreId) -> Path:
        """Return where the store's SQLite file lies: beside its live data."""
        if store == IDENTITY:
            return self.folder(store) / STORE_FILE
        live = self.folder(store) / self.module(store.module).live_path
        return live.with_name(STORE_FILE)

    def history(self, store: StoreId) -> Path:
        """Return the folder for copies of what a store was."""
        return self.folder(store) / self.module(store.module).history_path

    def on_disk(self) -> list[StoreId]:
        """Return the stores that have a file: of listed branches, of patterns, and the identity."""
        made = sorted(self.made_by_patterns())
        opened = [StoreId(b, m) for b in made for m in self.branches.modules_of(b) or ()]
        every = [*self.listed, *opened, IDENTITY]
        return [store for store in every if self.store_path(store).is_file()]

    def kept(self, branch: str, module: str) -> StoreId | None:
        """Return the store that an operator means: what a client may, or the identity store."""
        store = StoreId(branch, module)
        return store if store == IDENTITY else self.resolve(branch, module)

    def recipe(self, store: StoreId) -> Recipe:
        """Return what opens *store*, or raise BadFile with everything that is wrong with it."""
        if store == IDENTITY:
            return identity_recipe()
        file, schema = self._schema(store)
        findings: list[Finding] = []
        sequences = list(self._sequences(store, schema, findings))
        validators = self.plugins.validators.get(store.module, {})
        findings += [
            Finding(f"plugin for {store.module}", table, "validators of a table that is not there")
            for table in validators
            if table not in schema.tables
        ]
        findings += [
            Finding(MODULES, f"$.modules.{store.module}.tables", f"the schema has no table {table}")
            for table in self.module(store.module).tables or ()
            if table not in schema.tables
        ]
        if findings:
            raise BadFile(*findings)
        by_table: dict[str, tuple[Sequence, ...]] = {}
        for sequence in sequences:
            by_table[sequence.table] = (*by_table.get(sequence.table, ()), sequence)
        # What nobody may give twice is unique, whether or not the schema says so.
        needed = {name: {s.field for s in some} for name, some in by_table.items()}
        rules = Rules(
            schema=with_unique(schema, needed),
            sequences=by_table,
            validators=validators,
            zone=self.branches.zone_of(store.branch),
        )
        return Recipe(
            id=store,
            rules=rules,
            notes=tuple(Finding(file, n.path, n.message, note=True) for n in schema.notes),
            fill=lambda seeded: self._fill(store, schema, seeded),
        )

    def _content(self, store: StoreId, path: str) -> tuple[str, bytes] | None:
        """Return (name, content) of a module's file: the branch's, or else the package's."""
        own = self.folder(store) / path
        name = str(own.relative_to(self.data))
        content = read_bytes(own, name)
        if content is not None:
            return name, content
        package = self.plugins.modules.get(store.module)
        packaged = package.joinpath(*path.split("/")) if package is not None else None
        if packaged is not None and packaged.is_file():
            return f"{store.module}{PACKAGED}{path}", packaged.read_bytes()
        return None

    def text(self, name: str) -> str | None:
        """Return the text of the file that findings call *name*, None where there is none."""
        return text_of(self.data, self.plugins.modules, name)

    def schema(self, store: StoreId) -> Schema:
        """Return the tables of *store*. Raises BadFile."""
        return self._schema(store)[1]

    def _schema(self, store: StoreId) -> tuple[str, Schema]:
        """Return the name of the file that has the schema, and the schema."""
        path = self.module(store.module).schema_path
        found = self._content(store, path)
        if found is None:
            where = self.folder(store).relative_to(self.data)
            raise BadFile(Finding(f"{where}/{path}", "$", "there is no schema, nor a plugin's"))
        file, content = found
        if (store.module, content) not in self._schemas:
            schema, problems = read_schema(store.module, parse_json(file, content))
            if schema is None:
                raise BadFile(*(Finding(file, p.path, p.message) for p in problems))
            self._schemas[store.module, content] = schema
        return file, self._schemas[store.module, content]

    def _sequences(
        self, store: StoreId, schema: Schema, findings: list[Finding]
    ) -> Iterator[Sequence]:
        for table, fields in self.sequences.rules_of(store.branch, store.module).items():
            for field, rule in fields.items():
                own = self.sequences.branches.get(store.branch, {}).get(store.module, {})
                mine = field in own.get(table, {})
                top = f"branches.{store.branch}" if mine else "defaults"
                at = f"$.{top}.{store.module}.{table}.{field}"
                definition = (
                    schema.tables[table].fields.get(field) if table in schema.tables else None
                )
                if definition is None:
                    findings.append(Finding(SEQUENCES, at, "the schema has no such field"))
                    continue
                if definition.type != "text":
                    findings.append(Finding(SEQUENCES, at, "a sequence fills a text field"))
                    continue
                try:
                    yield make_sequence(
                        table,
                        field,
                        rule,
                        store.branch,
                        self.plugins.formats,
                        strict=not definition.primary_key,
                    )
                except ValueError as error:
                    findings.append(Finding(SEQUENCES, at, str(error)))

    def _fill(self, store: StoreId, schema: Schema, seeded: Seeded) -> None:
        """Put the seeds, then the live events, into a new store."""
        module = self.module(store.module)
        try:
            if seeds := self._content(store, module.seed_path):
                with placing(seeds[0]):
                    seeded.insert(seeds[0], read_seeds(parse_json(*seeds), schema))
            if live := self._content(store, module.live_path):
                seeded.replay(live[0], shape(live[0], parse_json(*live), Live))
        except BadFile as bad:
            seeded.findings += bad.findings


def text_of(data: Path, packages: Mapping[str, Traversable], name: str) -> str | None:
    """Return the text of a file of *data* or of a module's package, None where it has none."""
    module, packaged, path = name.partition(PACKAGED)
    file: Path | Traversable = data / name
    if packaged and module in packages:
        file = packages[module].joinpath(*path.split("/"))
    try:
        return file.read_bytes().decode() if file.is_file() else None
    except (OSError, UnicodeDecodeError):
        return None
