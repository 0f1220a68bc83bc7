"""A seed client that shares no code with the server."""

import json
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlencode

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage
from websockets.sync.client import connect

PATIENCE = 30.0
"""Seconds after which something that should have happened has not."""


class Client:
    """A seed client on a socket of its own; `frames` are the SNAPSHOT and DELTAs that it got."""

    def __init__(self, port: int, **query: str) -> None:
        url = f"ws://127.0.0.1:{port}/?{urlencode(query)}"
        self._opened = ExitStack()
        # A bounded queue would stop its reading thread, and then a close takes its whole timeout.
        free = {"compression": None, "max_size": None, "max_queue": None, "ping_interval": None}
        self.ws = self._opened.enter_context(connect(url, proxy=None, **free))
        self.frames: list[dict[str, Any]] = []

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._opened.close()

    def send(self, message: object) -> None:
        self.ws.send(json.dumps(message))

    def receive(self) -> dict[str, Any]:
        """Return the next message. Raises ConnectionClosed, or TimeoutError."""
        message = json.loads(self.ws.recv(PATIENCE))
        if message["type"] in ("SNAPSHOT", "DELTA"):
            self.frames.append(message)
        return message

    def snapshot(self) -> dict[str, Any]:
        """Return the SNAPSHOT that a new socket begins with."""
        message = self.receive()
        assert message["type"] == "SNAPSHOT", message
        return message

    def answer(self) -> dict[str, Any]:
        """Return the next message that is an answer."""
        while (message := self.receive())["type"] not in ("ACK", "ERROR"):
            pass
        return message

    def ask(self, message: dict[str, Any]) -> dict[str, Any]:
        self.send(message)
        return self.answer()

    def read_to_the_end(self) -> int | None:
        """Read until the socket closes; return the code."""
        try:
            while True:
                self.receive()
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else None


GONE = (ConnectionClosed, InvalidHandshake, InvalidMessage, EOFError, OSError)
"""What a client meets when its server has been killed."""
