"""Stand-ins for parts of a house that a test has to have in its hand: the disk, and the gate."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import trio

from mishkah.core.access import Role, grant_of
from mishkah.core.commit import Commit
from mishkah.core.errors import AuthExpired, AuthRequired
from mishkah.core.grants import Grant
from mishkah.core.ids import StoreId
from mishkah.core.reach import ANY, Scope
from mishkah.core.schema import Schema
from mishkah.core.shapes import fit
from mishkah.gate import Changes
from mishkah.journal import Journal, MemoryJournals
from mishkah.who import NOBODY, Who


class FaultyJournals(MemoryJournals):
    """Memory journals with a disk that can be slow, full, broken or unsure.

    Each append takes `seconds`; then `refusal` is raised in its place, or `doubt` after it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0.0
        self.refusal: Exception | None = None
        self.doubt: Exception | None = None

    @asynccontextmanager
    async def __call__(self, store: StoreId, schema: Schema) -> AsyncIterator[Journal]:
        async with super().__call__(store, schema) as journal:
            yield _Faulty(journal, self)


class _Faulty:
    def __init__(self, journal: Journal, faults: FaultyJournals) -> None:
        self.epoch = journal.epoch
        self.migrated = journal.migrated
        self.load = journal.load
        self.names = journal.names
        self.commits = journal.commits
        self.reader = journal.reader
        self._append = journal.append
        self._faults = faults

    async def append(self, commits: Sequence[Commit]) -> None:
        await trio.sleep(self._faults.seconds)
        if self._faults.refusal is not None:
            raise self._faults.refusal
        await self._append(commits)
        if self._faults.doubt is not None:
            doubt, self._faults.doubt = self._faults.doubt, None
            raise doubt


ALL = {"do": ["read", "insert", "update", "delete", "call"]}
"""The rule of who may do all."""


class FakeGate:
    """A gate that a test opens and shuts: who comes by which token, and what each role may do.

    What changes, changes for open sessions at once. The clock stands still but for `pass_time`.
    """

    def __init__(self) -> None:
        self.changes = Changes()
        self._roles: dict[str, Role] = {}
        self._sessions: dict[str | None, str] = {}
        self._in: dict[str | None, Who] = {}
        self._time = 0.0

    def role(self, name: str, *rules: Mapping[str, Any]) -> None:
        """Let the role *name* do from now on what *rules* say, as those of ``access.json``."""
        self._roles[name] = fit({"rules": list(rules)}, Role)
        self._change()

    def let_in(
        self,
        token: str | None,
        role: str,
        *,
        user: str | None = None,
        branches: Sequence[str] = (ANY,),
        modules: Sequence[str] = (ANY,),
        seconds: float | None = None,
    ) -> Who:
        """Let in from now on, for *seconds*, who shows *token* (None: who shows none); return it.

        *role* is what counts in these *branches* and *modules*. The names of writes belong to the
        *user*, or to the token where it is nobody's. Who is let in again by the same token stays.
        """
        session = self._sessions.setdefault(token, f"s{len(self._sessions) + 1}")
        self._in[session] = who = Who(
            user=user,
            session=session,
            owner=f"user:{user}" if user else f"token:{session}",
            scopes=(Scope(role, tuple(branches), tuple(modules)),),
            expires=None if seconds is None else self._time + seconds,
        )
        self._change()
        return who

    def turn_out(self, token: str | None) -> None:
        """Let in nobody any more who shows *token*, and send away who did."""
        del self._in[self._sessions[token]]
        self._change()

    def pass_time(self, seconds: float) -> None:
        self._time += seconds
        self._change()

    def now(self) -> float:
        return self._time

    def identify(self, token: str | None) -> Who:
        who = self._in.get(self._sessions.get(token))
        if who is None:
            raise AuthRequired
        return self._current(who)

    def again(self, who: Who) -> Who:
        if who is NOBODY:
            return who
        if who.session not in self._in:
            raise AuthExpired
        return self._current(self._in[who.session])

    def may_enter(self, who: Who, store: StoreId) -> bool:
        return who.role_in(store) is not None

    def grant(self, who: Who, store: StoreId, schema: Schema) -> Grant:
        role = who.role_in(store)
        assert role is not None, "asked of who may not enter"
        return grant_of(self._roles[role], store, schema, who.user)

    def _current(self, who: Who) -> Who:
        if who.expires is not None and who.expires <= self._time:
            raise AuthExpired
        return who

    def _change(self) -> None:
        self.changes.note()
