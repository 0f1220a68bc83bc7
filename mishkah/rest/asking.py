"""How a request finds its store, and has it do a write."""

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from mishkah.asking import Ack, outcome
from mishkah.core.commands import decode
from mishkah.core.errors import StoreFailed, Text, UnknownTable
from mishkah.core.grants import Grant, lens_of
from mishkah.core.ids import StoreId
from mishkah.core.messages import Write
from mishkah.core.schema import Table
from mishkah.core.wire import seen_as
from mishkah.keeper import Keeper
from mishkah.reader import Reader
from mishkah.rest.problems import Problem
from mishkah.rest.requests import Parameters, guard, key_of, named, tag
from mishkah.rights import Rights, Standing
from mishkah.site.premises import Premises
from mishkah.site.visitors import rights_of
from mishkah.talk import Inbox
from mishkah.turns import Turns


class Place(NamedTuple):
    """The store that a request is about, open: its way in, its keeper, and its reader.

    *rights* are those of who sends the request.
    """

    store: StoreId
    inbox: Inbox
    keeper: Keeper
    reader: Reader
    rights: Rights

    @property
    def standing(self) -> Standing:
        """What may be done there, whenever it is asked."""
        return self.rights.standing(self.store)

    @property
    def grant(self) -> Grant:
        """What may be done there by now. Raises as `Standing`."""
        return self.standing()

    def table(self, name: str) -> Table:
        """Return a table as it may be read. Raises UnknownTable."""
        found = self.grant.schema.tables.get(name)
        if found is None:
            raise UnknownTable
        return found

    def tag(self, seq: int, table: str) -> str:
        """Return the ETag of what may be seen of *table* after commit *seq*."""
        lens = lens_of([self.grant.tables[table]])
        return tag(seen_as(self.reader.epoch, lens), seq)


class Desk:
    """Where requests to *house* come in."""

    def __init__(self, house: Premises) -> None:
        self.house = house
        self.turns = Turns()

    async def place(self, request: Request) -> Place:
        """Return the store in the path of *request*. Raises UnknownModule, StoreFailed.

        Who only reads makes no branch: any page can let a browser send a GET, with no Origin that
        would tell.
        """
        rights = rights_of(self.house, request)
        path, make = request.path_params, request.method not in ("GET", "HEAD")
        store, inbox = self.house.enter(rights, path["b"], path["m"], make=make)
        keeper = self.house.keepers[store]
        await keeper.settled.wait()
        if keeper.reader is None:
            raise StoreFailed
        return Place(store, inbox, keeper, keeper.reader, rights)


Handler = Callable[[Desk, Request, Parameters], Awaitable[Response]]
"""Answers one method of one address. Raises what `problems.HANDLERS` tells."""

_encode = msgspec.json.Encoder().encode


async def write(place: Place, request: Request, message: dict[str, Any]) -> Ack:
    """Let the store do *message*, under the request's key if it has one.

    Returns when it is durable. Raises Problem or Refused; CONFLICT is 412 where If-Match asked.
    """
    key = key_of(request)
    exact = guard(request) if request.method in ("PATCH", "DELETE") else {}
    content = _encode({"ref": key or "http", **message, **exact}).decode()
    command = decode(content)
    assert isinstance(command, Write)
    said = await outcome(
        place.inbox,
        command,
        size=len(content),
        client=named(key) if key else None,
        exact=bool(exact),
        standing=place.standing,
        who=place.rights.who,
        otherwise=_UNKNOWN_OUTCOME,
    )
    if isinstance(said, Ack):
        return said
    raise Problem(said, 412 if exact and said.code == "CONFLICT" else None)


_UNKNOWN_OUTCOME = Text(
    "Whether this was done is not known; send it again with the same Idempotency-Key",
    "لا يُعرف هل نُفّذ هذا، أرسله مرة أخرى بنفس Idempotency-Key",
)
