"""Keeping one store up: opened from disk, filled when new, opened again when its journal fails."""

import logging
from collections.abc import Callable, Sequence
from itertools import chain

import trio

from mishkah.clock import Clock
from mishkah.core.commit import Commit
from mishkah.core.errors import Finding, PluginFailed, StoreFailed
from mishkah.core.frames import INTERNAL_ERROR, SERVICE_RESTART
from mishkah.core.numbering import adopted
from mishkah.core.seeding import Recipe, Seeded
from mishkah.core.state import State
from mishkah.core.values import stamp
from mishkah.feed import Outbox
from mishkah.journal import Journal, JournalDamaged, JournalFailed, JournalFull, OpenJournal
from mishkah.reader import Reader
from mishkah.requests import Ask, Join, Leave, Look, Part, Request, ref_of, waiting
from mishkah.store import Store
from mishkah.tally import StoreTally

log = logging.getLogger(__name__)

FIRST_DELAY = 0.2
LONGEST_DELAY = 30.0
"""Seconds between one failure of a journal and the next attempt; each is twice the one before."""


class BadSeeds(Exception):
    """The files that a new store begins with are refused; it stays empty."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = findings
        super().__init__("; ".join(map(str, findings[:3])))


class Keeper:
    """The supervisor of one store.

    `status` is "opening", "serving" or "failed"; `settled` is set when the first attempt is over.
    While it is serving, `store` is there, and `reader` reads what is committed; the commits up to
    `migrated` are of an older schema. `heard` is told of each commit, and None when all may be new:
    the store was opened, perhaps again.
    """

    def __init__(
        self,
        recipe: Recipe,
        open_journal: OpenJournal,
        inbox: trio.MemoryReceiveChannel[Request],
        clock: Clock,
    ) -> None:
        self.recipe = recipe
        self.status = "opening"
        self.settled = trio.Event()
        self.store: Store | None = None
        self.reader: Reader | None = None
        self.migrated = 0
        self.tally = StoreTally()
        self.heard: Callable[[Commit | None], None] | None = None
        self.clock = clock
        self._open_journal = open_journal
        self._inbox = inbox

    async def run(self) -> None:
        """Serve until every sender of the inbox has hung up."""
        delay = FIRST_DELAY
        async with self._inbox:
            while True:
                began = trio.current_time()
                try:
                    await self._serve()
                    return
                except (JournalDamaged, BadSeeds) as error:
                    self._failed("can't be served: %s", error)
                    await self._turn_away(INTERNAL_ERROR, "this store has failed", for_good=True)
                    return
                except (JournalFailed, JournalFull) as error:
                    self._failed("will be opened again: %s", error)
                except Exception:  # the border of one store: the others go on
                    log.exception("store %s stopped; it will be opened again", self.recipe.id)
                    self._became("failed")
                self.tally.restarts += 1
                if trio.current_time() - began > LONGEST_DELAY:
                    delay = FIRST_DELAY
                with trio.move_on_after(delay):
                    await self._turn_away(SERVICE_RESTART, "this store is being opened again")
                    return
                delay = min(delay * 2, LONGEST_DELAY)

    def _tell(self, commit: Commit | None) -> None:
        if self.heard is not None:
            self.heard(commit)

    def _became(self, status: str) -> None:
        self.status = status
        self.settled.set()

    def _failed(self, message: str, error: Exception) -> None:
        self._became("failed")
        log.error("store %s " + message, self.recipe.id, error)

    async def _serve(self) -> None:
        rules = self.recipe.rules
        async with self._open_journal(self.recipe.id, rules.schema) as journal:
            state = await journal.load()
            if state.seq == 0:
                state = await self._fill(journal, state)
            await self._adopt(journal, state)
            store = Store(self.recipe.id, rules, state, journal, self.clock, self.tally, self._tell)
            self.store, self.reader, self.migrated = store, journal.reader, journal.migrated
            self._tell(None)
            self._became("serving")
            batch: list[Request] = []
            try:
                async for first in self._inbox:
                    batch = await waiting(first, self._inbox)
                    await store.serve(batch)
            except BaseException:
                _send_away([*store.outboxes, *(request.outbox for request in batch)])
                raise
            finally:
                self.store = self.reader = None

    async def _fill(self, journal: Journal, empty: State) -> State:
        """Load seeds and events into a new store: all of them, as one append, or none."""
        seeded = Seeded(self.recipe.rules, self.clock())
        self.recipe.fill(seeded)
        if seeded.findings:
            raise BadSeeds(seeded.findings)
        commits: list[Commit] = seeded.commits
        if not commits:
            return empty
        await journal.append(commits)
        return seeded.state

    async def _adopt(self, journal: Journal, state: State) -> None:
        """Move the counters that are behind the rows; without room for it, each insert looks."""
        sequences = chain.from_iterable(self.recipe.rules.sequences.values())
        try:
            taken = adopted(state, sequences)
            if not taken:
                return
            commit = Commit(seq=state.seq + 1, at=stamp(self.clock()), changes=(), counters=taken)
            await journal.append([commit])
        except (PluginFailed, JournalFull) as error:
            log.warning("store %s: counters stay behind the rows: %r", self.recipe.id, error)
        else:
            state.apply(commit)

    async def _turn_away(self, code: int, reason: str, *, for_good: bool = False) -> None:
        """Answer everyone who comes that the store is down, and let them come back.

        Where it is down *for_good*, a socket that may have other stores keeps them.
        """
        async for request in self._inbox:
            outbox = request.outbox
            if isinstance(request, Leave):
                outbox.depart()
                continue
            if outbox.dismissed or isinstance(request, Part):
                continue
            outbox.refuse(StoreFailed(), ref_of(request))
            if not (for_good and outbox.several):
                outbox.dismiss(code, reason)
            elif isinstance(request, Join):
                outbox.forget(request.listener)
            elif isinstance(request, Ask | Look):
                outbox.answered(request.size)


def _send_away(outboxes: Sequence[Outbox]) -> None:
    """Let clients come back: what became of their last commands, only the file can tell."""
    for outbox in outboxes:
        outbox.dismiss(SERVICE_RESTART, "this store is being opened again")
