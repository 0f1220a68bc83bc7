"""What a client may say, as frozen values."""

from typing import Any, ClassVar

import msgspec

WHOLE = "*"
"""The name of the view that shows a whole store."""

Ref = str | int


class Command(msgspec.Struct, frozen=True, kw_only=True, tag_field="type",
              forbid_unknown_fields=True, omit_defaults=True):  # fmt: skip
    """A message from a client. `branch` and `module` may repeat what the socket is bound to."""

    ref: Ref | None = None
    branch: str | None = None
    module: str | None = None


class Based(Command, frozen=True, kw_only=True):
    """A write that may name the state its user saw: *base*, a `seq` of the history *epoch*."""

    base: int | None = None
    epoch: str | None = None


class Insert(Command, frozen=True, kw_only=True, tag="INSERT"):
    operation: ClassVar[str] = "INSERT"
    table: str
    data: dict[str, Any]


class Update(Based, frozen=True, kw_only=True, tag="UPDATE"):
    """*add* is added to what the fields have when the command is done; *changes* replace it."""

    operation: ClassVar[str] = "UPDATE"
    table: str
    id: str
    changes: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET
    add: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET


class Delete(Based, frozen=True, kw_only=True, tag="DELETE"):
    operation: ClassVar[str] = "DELETE"
    table: str
    id: str


Op = Insert | Update | Delete


class Transaction(Based, frozen=True, kw_only=True, tag="TRANSACTION"):
    ops: list[Op]


class Next(Command, frozen=True, kw_only=True, tag="NEXT"):
    """Take numbers of a sequence without a row."""

    table: str
    field: str
    count: int = 1


Write = Op | Transaction | Next


class Hello(Command, frozen=True, kw_only=True, tag="HELLO"):
    """The first message on a socket of `mishkah.v1`. *client* is the stable name of a device."""

    v: int
    client: str | None = None
    token: str | None = None
    lang: str = ""
    now: Any = None
    pending: Any = None


class Subscribe(Command, frozen=True, kw_only=True, tag="SUBSCRIBE"):
    """Show a store or a part of it, from the cursor (*epoch*, *since*) on where that is given."""

    tables: list[str] | None = None
    where: Any = None
    since: int | None = None
    epoch: str | None = None


class Unsubscribe(Command, frozen=True, kw_only=True, tag="UNSUBSCRIBE"):
    view: str = WHOLE


class Query(Command, frozen=True, kw_only=True, tag="QUERY"):
    table: str
    where: Any = None
    order: Any = None
    limit: Any = None
    after: Any = None
    fields: Any = None
    aggregate: Any = None


class Call(Command, frozen=True, kw_only=True, tag="CALL"):
    action: str
    args: dict[str, Any] = {}


class Ping(Command, frozen=True, kw_only=True, tag="PING"):
    now: Any = None


Message = Write | Hello | Subscribe | Unsubscribe | Query | Call | Ping
