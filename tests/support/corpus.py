"""What hostile clients do, kept as data: the files of tests/hostile, as values and bytes."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from support.closed import KEPT, NAMES
from support.frames import sent

FOLDER = Path(__file__).parents[1] / "hostile"
_NAMED = {"m": "/api/v1/branches/shop/modules/m", **NAMES, **KEPT}
"""What names in braces stand for: the module's address, and secrets."""
_NAME = re.compile(r"\{([a-z.-]+)\}")
ASK = {"Host": "localhost"}
UPGRADE = {
    "Host": "localhost",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
}
"""The headers of a good handshake."""


def handshake(headers: str) -> bytes:
    """Return a good handshake with more *headers*."""
    told = "".join(f"{name}: {value}\r\n" for name, value in UPGRADE.items())
    return f"GET / HTTP/1.1\r\n{told}{headers}\r\n".encode()


class Case(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    name: str
    writes: int = 0
    """How many commits it makes, if what is sent is harmless."""
    close: int | None = None
    """The code of the close frame that ends it."""
    closed: bool = False
    """Whether it comes to a house with access control; there *by* is whose token it shows."""
    by: str | None = None
    gives: bool = False
    """Whether it is told a new token."""
    changes: list[str] = []
    """Which tables of the identity store it changes, beside the audit."""

    @property
    def bearer(self) -> str:
        """The header that shows the token, if there is one."""
        return "" if self.by is None else f"Authorization: Bearer {NAMES[self.by]}\r\n"

    @property
    def greeting(self) -> bytes:
        """The HELLO that shows it."""
        token = "" if self.by is None else f',"token":"{NAMES[self.by]}"'
        return sent(f'{{"type":"HELLO","v":1,"client":"c"{token}}}'.encode())


class Asked(Case, kw_only=True):
    """Bytes of HTTP, and the status of each answer. *then* is what becomes of the connection."""

    ask: Any = None
    upgrade: Any = None
    instead: dict[str, Any] = {}
    without: list[str] = []
    headers: list[Any] = []
    times: int = 1
    json: Any = None
    body: Any = None
    send: Any = ""
    answers: list[int]
    then: Literal["kept", "ended", "streams"]
    code: str | None = None
    says: list[str] = []
    """What the last answer has in it, in any case of letters."""

    @property
    def sent(self) -> bytes:
        """The bytes that the case sends."""
        body = self.body if self.json is None else self.json
        more = ["Content-Type: application/json"] if self.json is not None else []
        if body is not None:
            more.append(f"Content-Length: {len(octets(body))}")
        head = b""
        if self.ask is not None:
            head = self._head(self.ask, ASK, more)
        elif self.upgrade is not None:
            head = self._head(["GET ", self.upgrade], UPGRADE, more)
        return (head + octets([body or "", self.send])) * self.times

    def _head(self, asked: Any, good: Mapping[str, str], more: list[str]) -> bytes:
        headers = {**good, **self.instead}
        told = [[f"{name}: ", text] for name, text in headers.items() if name not in self.without]
        lines = [[asked, " HTTP/1.1"], *told, *more, *self.headers]
        head = b"".join(octets(line) + b"\r\n" for line in lines)
        return head + f"{self.bearer}\r\n".encode()


class Said(Case, kw_only=True):
    """Frames or messages on a socket that is open, and what each is told: a type, or a code."""

    mode: Literal["seed", "v1", "before HELLO"]
    frames: list[Any] = []
    say: list[Any] = []
    told: list[str] = []
    path: str | None = None
    """Where the last refusal says that something is wrong."""
    ref: str | None = None
    """The `ref` that the last refusal names."""

    @property
    def sent(self) -> bytes:
        """The bytes that the case sends."""
        frames = b"".join(map(_frame, self.frames))
        return frames + b"".join(sent(octets(message)) for message in self.say)


def read(file: str, kind: type[Case]) -> list[Any]:
    """Return the cases of *file*: each is what `each` has in common, and what it says itself."""
    with (FOLDER / f"{file}.toml").open("rb") as source:
        told = tomllib.load(source)
    common = told.get("each", {})
    every = [one for case in told["case"] for one in _of_each({**common, **case})]
    return [msgspec.convert(case, kind) for case in every]


def _of_each(case: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield *case* for each of those who try it, where there are several."""
    if not isinstance(case.get("by"), list):
        yield case
        return
    for by in case["by"]:
        yield {**case, "by": by, "name": f"{case['name']}, by {by}"}


def octets(parts: Any) -> bytes:
    """Return the bytes that *parts* stand for.

    They are text in UTF-8, ``{hex = "ff 00"}``, ``{repeat = parts, times = 9}``, or a list of such.
    """
    match parts:
        case str(text):
            return _NAME.sub(lambda name: _NAMED.get(name[1], name[0]), text).encode()
        case [*several]:
            return b"".join(map(octets, several))
        case {"hex": str(text), **rest} if not rest:
            return bytes.fromhex(text)
        case {"repeat": one, "times": int(times), **rest} if not rest:
            return octets(one) * times
    raise ValueError(f"these are no bytes: {parts}")


def _frame(told: Any) -> bytes:
    """Return one frame: text, bytes as they are, or a table of first, payload, mask and times."""
    match told:
        case {"first": int(first), **more}:
            payload, mask = octets(more.pop("payload", "")), more.pop("mask", True)
            times = more.pop("times", 1)
            assert not more, f"a frame has no {', '.join(more)}"
            return sent(payload, first, mask=mask) * times
        case {"hex": str(text)}:
            return bytes.fromhex(text)
    return sent(octets(told))
