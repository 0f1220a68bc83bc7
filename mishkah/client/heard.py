"""What the server says, decoded; what a client doesn't know is passed over."""

from collections.abc import Mapping, Sequence
from typing import Any, get_args

import msgspec

from mishkah.client.errors import Lost
from mishkah.core.messages import WHOLE, Ref
from mishkah.core.values import number

Row = dict[str, Any]


class Said(msgspec.Struct, frozen=True, tag_field="type"):
    """A message of the server."""


class Welcome(Said, frozen=True, tag="WELCOME"):
    """*user* is who the token says that we are."""

    limits: Mapping[str, Any] = {}
    user: str | None = None


class Subscribed(Said, frozen=True, tag="SUBSCRIBED"):
    """*keys* names primary keys that are not ``id``, *decimals* the fields of that type."""

    epoch: str
    seq: int
    resumed: bool
    view: str = WHOLE
    ref: Ref | None = None
    keys: Mapping[str, str] = {}
    decimals: Mapping[str, Sequence[str]] = {}


class Snapshot(Said, frozen=True, tag="SNAPSHOT"):
    epoch: str
    seq: int
    data: Mapping[str, Sequence[Row]]
    view: str = WHOLE
    part: int = 0
    last: bool = True


class Body(msgspec.Struct, frozen=True):
    """What happened to one row. *reason* is ``left`` of a row that is only out of the view."""

    table: str
    operation: str
    id: str
    changes: Row = {}
    reason: str = ""


class Together(msgspec.Struct, frozen=True):
    """The place of a DELTA, from 0, among the *n* of its commit."""

    i: int
    n: int


class By(msgspec.Struct, frozen=True):
    client: str | None = None
    ref: Ref | None = None


class Delta(Said, frozen=True, tag="DELTA"):
    epoch: str
    seq: int
    prev: int
    data: Body
    view: str = WHOLE
    tx: Together = Together(0, 1)
    by: By = By()


class Synced(Said, frozen=True, tag="SYNCED"):
    epoch: str
    seq: int
    view: str = WHOLE


class Resync(Said, frozen=True, tag="RESYNC"):
    view: str = WHOLE
    reason: str = ""


class Ack(Said, frozen=True, tag="ACK"):
    ref: Ref
    seq: int
    rows: Sequence[Row | None] = ()
    numbers: Sequence[str] = ()
    dup: bool = False


class Result(Said, frozen=True, tag="RESULT"):
    rows: Sequence[Row]
    seq: int
    ref: Ref | None = None
    next: str | None = None


class Error(Said, frozen=True, tag="ERROR"):
    error: str
    code: str = ""
    ref: Ref | None = None
    text: Mapping[str, str] = {}
    details: Sequence[Mapping[str, Any]] = ()
    more: int = 0
    current: Row | None = None
    retry_ms: int | None = None


class Goaway(Said, frozen=True, tag="GOAWAY"):
    retry_ms: int = 0


class Pong(Said, frozen=True, tag="PONG"):
    pass


Heard = (
    Welcome | Subscribed | Snapshot | Delta | Synced | Resync | Ack | Result | Error | Goaway | Pong
)
_KNOWN = frozenset(kind.__struct_config__.tag for kind in get_args(Heard))
_decode: msgspec.json.Decoder[Heard] = msgspec.json.Decoder(Heard, float_hook=number)
_loosely = msgspec.json.Decoder(dict[str, Any])


def hear(message: str | bytes) -> Heard | None:
    """Return what *message* says; None where its type is not known. Raises Lost for nonsense."""
    try:
        return _decode.decode(message)
    except (msgspec.MsgspecError, UnicodeError, ValueError, RecursionError):
        if _is_unknown(message):
            return None
        raise Lost("the server says what is not in the protocol") from None


def _is_unknown(message: str | bytes) -> bool:
    try:
        kind = _loosely.decode(message).get("type")
    except (msgspec.MsgspecError, UnicodeError, ValueError, RecursionError):
        return False
    return isinstance(kind, str) and kind not in _KNOWN
