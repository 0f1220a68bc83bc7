"""Refusals as HTTP tells them: problem details (RFC 9457), with the codes of the socket."""

import logging
import math
from collections.abc import Iterator, Mapping
from http import HTTPStatus

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from mishkah.asking import Error
from mishkah.core import wire
from mishkah.core.errors import BadMessage, Internal, NotFound, Refused, StoreFailed, Text
from mishkah.core.frames import payloads
from mishkah.http.credentials import challenge
from mishkah.journal import JournalDamaged, JournalFailed
from mishkah.site import preferences

log = logging.getLogger(__name__)

STATUS: Mapping[str, int] = {
    "BAD_MESSAGE": 400,
    "AUTH_REQUIRED": 401,
    "AUTH_EXPIRED": 401,
    "FORBIDDEN": 403,
    "UNKNOWN_MODULE": 404,
    "UNKNOWN_TABLE": 404,
    "UNKNOWN_ACTION": 404,
    "NOT_FOUND": 404,
    "CONFLICT": 409,
    "REF_REUSED": 409,
    "TOO_LARGE": 413,
    "INVALID": 422,
    "DUPLICATE": 422,
    "REFERENCE": 422,
    "UNSUPPORTED_VERSION": 426,
    "RATE_LIMITED": 429,
    "INTERNAL": 500,
    "PLUGIN_FAILED": 500,
    "BUSY": 503,
    "STORE_FAILED": 503,
    "STORAGE_FULL": 507,
}


_error = msgspec.json.Decoder(Error).decode


class Problem(Exception):
    """A request that is refused. *status* is that of the error's code, unless given."""

    def __init__(
        self, error: Error, status: int | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        self.error = error
        self.status = STATUS[error.code] if status is None else status
        self.headers = headers or {}
        super().__init__(error.text["en"])


def problem(
    refusal: Refused, status: int | None = None, headers: Mapping[str, str] | None = None
) -> Problem:
    """Return *refusal* as it is told by HTTP: cut to the same length as on a socket."""
    (payload,) = payloads(wire.error(refusal))
    return Problem(_error(payload), status, headers)


class _Shown(msgspec.Struct, omit_defaults=True):
    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: list[dict[str, str]]
    more: int = 0
    current: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


def told(told: Problem, request: Request) -> Response:
    """Return the response that tells a problem, in the language that the client prefers."""
    language = preferences.language(request.headers.get("accept-language", ""))
    error = told.error
    title = TITLES[error.code]
    body = _Shown(
        type=f"/docs#{error.code}",
        title=title.ar if language == "ar" else title.en,
        status=told.status,
        detail=error.text[language],
        code=error.code,
        errors=[
            {
                "path": one.path,
                "rule": one.rule,
                "message": one.text["ar"] if language == "ar" else one.message,
            }
            for one in error.details
        ],
        more=error.more,
        current=error.current,
    )
    headers = {"content-language": language, "cache-control": "no-store", "vary": "Accept-Language"}
    if told.status == HTTPStatus.UNAUTHORIZED:
        headers["www-authenticate"] = challenge(request.headers)
    if error.retry_ms:
        headers["retry-after"] = str(math.ceil(error.retry_ms / 1000))
    return Response(
        msgspec.json.encode(body),
        told.status,
        {**headers, **told.headers},
        media_type="application/problem+json",
    )


def _kinds(kind: type[Refused]) -> Iterator[type[Refused]]:
    for one in kind.__subclasses__():
        yield one
        yield from _kinds(one)


TITLES: Mapping[str, Text] = {kind.code: kind.text for kind in _kinds(Refused)}
"""Code → what it says of any request."""


async def _on_bad_journal(request: Request, error: Exception) -> Response:
    log.error("a store can't be read: %s", error)
    return told(problem(StoreFailed()), request)


async def _on_http(request: Request, error: Exception) -> Response:
    """Tell what the routes could not lead anywhere."""
    assert isinstance(error, HTTPException)
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        return told(problem(BadMessage(_NOT_ALLOWED), 405, error.headers), request)
    return told(problem(NotFound(_NOTHING_HERE), error.status_code), request)


async def _on_bug(request: Request, error: Exception) -> Response:
    return told(problem(Internal()), request)


HANDLERS = {
    JournalFailed: _on_bad_journal,
    JournalDamaged: _on_bad_journal,
    HTTPException: _on_http,
    Exception: _on_bug,
}
"""Kind of exception that no route expects → the response to it, for Starlette."""

_NOT_ALLOWED = Text("This address has no such method", "هذا العنوان لا يقبل هذه الطريقة")
_NOTHING_HERE = Text("There is nothing at this address", "لا شيء في هذا العنوان")
