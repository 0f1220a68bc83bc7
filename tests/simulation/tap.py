"""What leaves the server, read on the wire: nothing unkept is told, nothing comes out of order."""

import json
from collections.abc import Callable
from typing import Any

from support.frames import CONTROL, TEXT, whole_frames


class Tap:
    """Reads one connection as it leaves the server; *head* tells how far the journal is.

    Raises AssertionError where the wire breaks its word.
    """

    def __init__(self, head: Callable[[], int]) -> None:
        self._head = head
        self._buffer = b""
        self._shaken_hands = False
        self._cursors: dict[str, int] = {}
        self._together: tuple[str, int, int] | None = None

    def passes(self, data: bytes) -> None:
        """Look at the next bytes."""
        self._buffer += data
        if not self._shaken_hands:
            _, end, rest = self._buffer.partition(b"\r\n\r\n")
            if not end:
                return
            self._shaken_hands, self._buffer = True, rest
        frames, self._buffer = whole_frames(self._buffer)
        for first, payload in frames:
            if not first & CONTROL:
                assert first == TEXT, "a message of the subprotocol is one frame"
                self._hear(json.loads(payload))

    def _hear(self, message: dict[str, Any]) -> None:
        if "seq" in message:
            told, kept = message["seq"], self._head()
            assert told <= kept, f"{message} was told when the journal had {kept}"
        view = message.get("view", "*")
        if message["type"] == "DELTA":
            self._hear_delta(view, message)
            return
        assert self._together is None, f"{message} came between the deltas of a commit"
        if message["type"] in ("SNAPSHOT", "SYNCED"):
            assert message["seq"] >= self._cursors.get(view, 0), f"{message} goes back"
            self._cursors[view] = message["seq"]
        elif message["type"] == "SUBSCRIBED":
            self._cursors.pop(view, None)

    def _hear_delta(self, view: str, message: dict[str, Any]) -> None:
        seq, tx = message["seq"], message.get("tx", {"i": 0, "n": 1})
        if tx["i"] == 0:
            assert self._together is None, f"{message} came between the deltas of a commit"
            cursor = self._cursors.get(view, message["prev"])
            assert message["prev"] <= cursor < seq, f"{message} does not follow {cursor}"
        else:
            assert self._together == (view, seq, tx["i"]), f"{message} is out of its place"
        self._together = (view, seq, tx["i"] + 1) if tx["i"] + 1 < tx["n"] else None
        self._cursors[view] = seq
