"""Responses on the wire, taken apart by the standard library's client, and not by our own code."""

import io
from collections.abc import Iterable
from http.client import HTTPException, HTTPResponse
from typing import Any

Told = tuple[int, bytes]
"""(status, body)"""


class _Socket:
    def __init__(self, data: bytes) -> None:
        self.data = _Kept(data)

    def makefile(self, mode: str) -> io.BytesIO:
        return self.data


class _Kept(io.BytesIO):
    """What a response does not close, so that the next can be read."""

    def close(self) -> None:
        pass


def read_responses(data: bytes, methods: Iterable[str] = ()) -> list[Told]:
    """Return the final responses in *data*, to *methods*, then to GET; -1 is the status of junk."""
    sock: Any = _Socket(data)
    asked = iter(methods)
    found: list[Told] = []
    while sock.data.tell() < len(data):
        response = HTTPResponse(sock, method=next(asked, "GET"))
        try:
            response.begin()
            found.append((response.status, response.read()))
        except HTTPException as wrong:
            found.append((-1, str(wrong).encode()))
            break
    return found
