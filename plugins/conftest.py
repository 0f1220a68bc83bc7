"""One fixture for the tests of every plugin: a module's store in memory, as the server fills it."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import ModuleType
from typing import Any

import msgspec
import pytest

from mishkah import Rule
from mishkah.core.access import grant_of
from mishkah.core.draft import Draft
from mishkah.core.errors import Refused
from mishkah.core.grants import Grant
from mishkah.core.ids import StoreId
from mishkah.core.judging import Rules
from mishkah.core.messages import Delete, Insert, Op, Transaction, Update, Write
from mishkah.core.schema import with_unique
from mishkah.core.seeding import Seeded, Seeds
from mishkah.core.sequences import make_sequence
from mishkah.core.soundness import read_schema
from mishkah.core.transact import Asked, transact
from mishkah.core.values import number
from mishkah.roles import ready_made

NOW = datetime(2025, 10, 29, 10, tzinfo=UTC)

FieldRules = Mapping[str, Mapping[str, Rule]]


class Store:
    """The module *module* of *plugin* after its seeds. Commands are taken as from a client.

    Of a client who may do all, until a role is played.
    """

    grant: Grant | None = None

    def __init__(self, plugin: ModuleType, module: str, branch: str, rules: FieldRules) -> None:
        self.id = StoreId(branch, module)
        self.packages = plugin.register_modules()
        folder = self.packages[module]
        text = (folder / "schema" / "definition.json").read_text("utf-8")
        raw = json.loads(text, parse_float=number)
        schema, problems = read_schema(module, raw)
        assert schema is not None, problems
        formats = plugin.register_sequence_formats()
        self.rules = Rules(
            schema=with_unique(schema, {table: set(fields) for table, fields in rules.items()}),
            sequences={
                table: tuple(make_sequence(table, f, r, branch, formats) for f, r in fields.items())
                for table, fields in rules.items()
            },
            validators={
                table: tuple(checks) for table, checks in plugin.register_validators(module).items()
            },
        )
        seeded = Seeded(self.rules, NOW)
        text = (folder / "seeds" / "initial.json").read_text("utf-8")
        seeds = json.loads(text, parse_float=number)
        seeded.seed("seeds/initial.json", msgspec.convert(seeds, Seeds))
        self.findings = seeded.findings
        self.state = seeded.state

    def run(self, command: Write) -> list[Any]:
        """Commit *command* and return its new rows; raise `Refused`."""
        asked = Asked(command=command, grant=self.grant)
        commit = transact(Draft(self.state), self.state.seq + 1, asked, self.rules, NOW)
        self.state.apply(commit)
        return [change.new for change in commit.changes]

    def play(self, role: str) -> Grant:
        """Take further commands as from someone who has *role*; return what it comes to."""
        roles = ready_made(self.packages)
        self.grant = grant_of(roles[role], self.id, self.rules.schema, user=None)
        return self.grant

    def insert(self, table: str, **data: Any) -> Any:
        return self.run(Insert(table=table, data=data))[0]

    def update(self, table: str, identifier: str, **changes: Any) -> None:
        self.run(Update(table=table, id=identifier, changes=changes))

    def delete(self, table: str, identifier: str) -> None:
        self.run(Delete(table=table, id=identifier))

    def together(self, *ops: Op) -> None:
        self.run(Transaction(ops=list(ops)))

    def rows(self, table: str) -> list[Any]:
        kept = self.state.tables[table]
        return [kept.table.decode(record.json) for record in kept.records.values()]

    def refused_at(self, act: Callable[..., object], *args: Any, **data: Any) -> str:
        """Return the path that the refusal of *act* names, having checked that it is bilingual."""
        before = self.state.seq
        with pytest.raises(Refused) as refusal:
            act(*args, **data)
        assert self.state.seq == before
        detail = refusal.value.details[0]
        assert detail.text.en != detail.text.ar
        return detail.path


@pytest.fixture
def open_store() -> Callable[..., Store]:
    """Return a function ``(plugin, module, rules, branch) -> Store``."""

    def open_it(
        plugin: ModuleType, module: str, rules: FieldRules | None = None, branch: str = "test"
    ) -> Store:
        return Store(plugin, module, branch, rules or {})

    return open_it
