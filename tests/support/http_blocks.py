"""Blocks of a document that hold a request and its answer, and how both are held together."""

import json
import re
from typing import Any, NamedTuple

import httpx

from support.sample import shape

LINE = "\n---\n"
EPOCH = "39d7fd5240e6"
"""The epoch in the documents' transcripts."""
TAG = re.compile(r'"(\w+)-(\d+)"')


class Exchange(NamedTuple):
    method: str
    target: str
    headers: dict[str, str]
    body: str
    answer: str
    """What the document says below the line."""


def read_exchange(block: str) -> Exchange:
    request, _, answer = block.partition(LINE)
    head, _, body = request.strip().partition("\n\n")
    first, *lines = head.split("\n")
    method, target = first.split(" ", 1)
    headers = dict(line.split(": ", 1) for line in lines)
    return Exchange(method, target, headers, body, answer.strip())


async def play(client: httpx.AsyncClient, asked: Exchange, epoch: str) -> httpx.Response:
    """Send what *asked* says, with the *epoch* of the store in the place of the document's."""
    return await client.request(
        asked.method,
        asked.target.replace(EPOCH, epoch),
        headers={name: value.replace(EPOCH, epoch) for name, value in asked.headers.items()},
        content=asked.body or None,
    )


SHOWN = ("location", "etag", "content-type", "retry-after")


def written(response: httpx.Response, epoch: str) -> str:
    """Return an answer as a document shows it."""
    lines = [str(response.status_code)]
    lines += [
        f"{name.title().replace('Etag', 'ETag')}: {response.headers[name]}"
        for name in SHOWN
        if name in response.headers and response.headers[name] != "application/json"
    ]
    if response.content:
        lines += ["", json.dumps(response.json(), ensure_ascii=False)]
    return "\n".join(lines).replace(epoch, EPOCH)


def compared(answer: str) -> Any:
    """Return of an answer what is the same in each run: times and moments are not."""
    head, _, body = answer.partition("\n\n")
    return head.split("\n"), shape(json.loads(body)) if body else None
