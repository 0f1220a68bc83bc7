"""What was asked of the server and has no answer yet, in order."""

from collections.abc import Iterator
from math import isfinite
from typing import Any

import msgspec

from mishkah.client.errors import OutboxFull, Refusal
from mishkah.client.heard import Ack, Result
from mishkah.core.commands import decode
from mishkah.core.errors import Refused
from mishkah.core.messages import Message, Query, Ref

MAX_PENDING = 10_000
"""Errands that may wait for an answer; then no other is taken."""

_encode = msgspec.json.Encoder(decimal_format="number").encode


class Errand:
    """A write or a question: what is sent for it, and its *answer* when that has come."""

    def __init__(self, ref: str, command: Message, frame: str) -> None:
        self.ref = ref
        self.command = command
        self.frame = frame
        self.answer: Ack | Result | Refusal | None = None

    @property
    def is_write(self) -> bool:
        return not isinstance(self.command, Query)


class Outbox:
    """Errands by their ref, in the order in which they were given; all are sent again after a cut.

    Under one name the server does a write once, however often it comes.
    """

    def __init__(self) -> None:
        self._errands: dict[Ref, Errand] = {}
        self.writes = 0
        """How many writes have no answer."""

    def __iter__(self) -> Iterator[Errand]:
        return iter(list(self._errands.values()))

    def put(self, errand: Errand) -> None:
        """Add *errand*. Raises OutboxFull, and ValueError where its ref waits already."""
        if len(self._errands) >= MAX_PENDING:
            raise OutboxFull(f"{MAX_PENDING} writes and queries wait for an answer")
        if errand.ref in self._errands:
            raise ValueError("a write with this ref is waiting already")
        self._errands[errand.ref] = errand
        self.writes += errand.is_write

    def settle(self, ref: Ref | None, answer: Ack | Result | Refusal | None) -> Errand | None:
        """Take the errand *ref* out, with its answer; None where there is none."""
        errand = None if ref is None else self._errands.pop(ref, None)
        if errand is not None:
            errand.answer = answer
            self.writes -= errand.is_write
        return errand


def written(message: Message) -> str:
    """Return *message* as JSON. Raises ValueError or TypeError for what JSON does not hold."""
    _check_finite(message)
    return _encode(message).decode()


def read_back(frame: str) -> Message:
    """Return the message *frame* as the server will read it. Raises Refusal where it won't."""
    try:
        return decode(frame)
    except Refused as refused:
        raise Refusal.of(refused) from None


def _check_finite(value: Any) -> None:
    """Refuse NaN and infinity, for which JSON encoders write null."""
    if isinstance(value, float) and not isfinite(value):
        raise ValueError("JSON has no NaN and no infinity")
    if isinstance(value, msgspec.Struct):
        value = msgspec.structs.asdict(value)
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for inner in value:
            _check_finite(inner)
