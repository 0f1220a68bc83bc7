"""What one client may do, as of now: it follows when its token, its role or a rule changes."""

from collections.abc import Callable

from mishkah.core.errors import AuthRequired, UnknownModule
from mishkah.core.grants import Grant
from mishkah.core.ids import StoreId
from mishkah.core.schema import Schema
from mishkah.gate import Gate
from mishkah.who import NOBODY, Who

SchemaOf = Callable[[StoreId], Schema]
Note = Callable[[Who, str, str | None], None]
"""(who, code, address): let it be noted that somebody was refused."""


class Standing:
    """What *who* may do in *store*, whenever it is asked: what waits goes by what is so then."""

    __slots__ = ("_gate", "_grant", "_schema", "_store", "_version", "_who")

    def __init__(self, gate: Gate, who: Who, store: StoreId, schema: Schema) -> None:
        self._gate = gate
        self._who = who
        self._store = store
        self._schema = schema
        self._version = -1

    def __call__(self) -> Grant:
        """Return what may be done. Raises AuthExpired, AuthRequired, UnknownModule for nothing."""
        if not is_current(self._gate, self._who, self._version):
            version = self._gate.changes.version
            who = self._gate.again(self._who) if self._version >= 0 else self._who
            if not self._gate.may_enter(who, self._store):
                raise UnknownModule
            self._grant = self._gate.grant(who, self._store, self._schema)
            self._who, self._version = who, version
        return self._grant


def is_current(gate: Gate, who: Who, version: int) -> bool:
    """Tell whether nothing has changed since *version* of what *gate* says of *who*."""
    return version == gate.changes.version and not (
        who.expires is not None and who.expires <= gate.now()
    )


class Rights:
    """Who speaks on one socket, or by one request, and its grant in each store.

    Nobody at first, who may do nothing where there is access control.
    """

    __slots__ = (
        "_became", "_gate", "_noted", "_schema_of", "_standings", "_version", "looking",
        "on_become", "shown", "tried", "who",
    )  # fmt: skip

    def __init__(self, gate: Gate, schema_of: SchemaOf) -> None:
        self._gate = gate
        self._schema_of = schema_of
        self._standings: dict[StoreId, Standing] = {}
        self.shown = False
        """Whether a token was shown that let somebody in."""
        self.tried = False
        """Whether any token was shown."""
        self.on_become: Callable[[Who], None] | None = None
        """What is told who speaks from now on, where that is followed."""
        self.looking = False
        """Whether somebody is looking what has changed, or has found that all is over."""
        self._became = self._noted = 0
        self._become(NOBODY)

    def show(self, token: str | None) -> None:
        """Be who *token* says from now on; that views are those of who it is, is the caller's part.

        Raises AuthRequired where it lets nobody in, AuthExpired where it did; nothing has changed
        then.
        """
        self.tried = self.tried or token is not None
        self._become(self._gate.identify(token))
        self.shown = token is not None
        self.take_note()

    def check(self) -> None:
        """See whether who was let in still may be here. Raises AuthRequired, AuthExpired."""
        if not self._is_current():
            self._become(self._gate.again(self.who))

    def may_enter(self, store: StoreId) -> bool:
        return self._gate.may_enter(self.who, store)

    def grant(self, store: StoreId) -> Grant:
        """Return what may be done in *store*, which is open. Raises UnknownModule for nothing."""
        return self.standing(store)()

    def standing(self, store: StoreId) -> Standing:
        """Return what tells what who speaks now may do in *store*, then and later."""
        known = self._standings.get(store)
        if known is None:
            known = Standing(self._gate, self.who, store, self._schema_of(store))
            self._standings[store] = known
        return known

    @property
    def changed(self) -> bool:
        """Whether who follows has something to look at; who checks meanwhile takes nothing away."""
        return self._noted != self._became or not self._is_current()

    def take_note(self) -> None:
        """Take what has been found by now as looked at."""
        self._noted = self._became

    def _become(self, who: Who) -> None:
        self.who = who
        self._became += 1
        self._version = self._gate.changes.version
        self._standings.clear()
        if self.on_become is not None:
            self.on_become(who)

    def _is_current(self) -> bool:
        return is_current(self._gate, self.who, self._version)


class Told:
    """Has it noted, by *note*, what who has these *rights*, at *address*, is told by a socket.

    That a stranger who shows no token needs one is no news.
    """

    __slots__ = ("_address", "_note", "_rights")

    def __init__(self, note: Note, rights: Rights, address: str | None) -> None:
        self._note = note
        self._rights = rights
        self._address = address

    def __call__(self, code: str) -> None:
        if self._rights.tried or code != AuthRequired.code:
            self._note(self._rights.who, code, self._address)
