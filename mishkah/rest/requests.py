"""What a request brings, read and checked: parameters, a JSON body, tags, a key."""

import re
from collections.abc import Collection, Mapping
from typing import Any

import msgspec
from starlette.requests import Request

from mishkah.core.commands import MAX_NAME
from mishkah.core.errors import BadMessage, Detail, InvalidRow, Text, TooLarge, pointer
from mishkah.core.values import number
from mishkah.http.turned import Turned
from mishkah.rest.problems import problem
from mishkah.site.visitors import known_rights

Parameters = Mapping[str, str]

MAX_KEY_NAME = MAX_NAME - len("http:")
"""The longest Idempotency-Key, in bytes."""

_TAG = re.compile(r'"([0-9a-z]{1,32}(?:\.[0-9a-f]{16})?)-(\d{1,16})(?:-gzip)?"', re.ASCII)
_KEY = re.compile(rf"[!-~]{{1,{MAX_KEY_NAME}}}", re.ASCII)
_NUMBER = re.compile(r"\d{1,16}", re.ASCII)
_json = msgspec.json.Decoder(float_hook=number)
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])


def parameters(request: Request, allowed: Collection[str]) -> Parameters:
    """Return the parameters of the URL. Refuses those that are not *allowed*, or come twice.

    A misspelt `where` must not show every row in silence.
    """
    found: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name not in allowed:
            raise _bad(name, "unknown", _UNKNOWN)
        if name in found:
            raise _bad(name, "twice", _TWICE)
        found[name] = value
    return found


def json_parameter(given: Parameters, name: str) -> Any:
    """Return a parameter that is JSON, decoded; None where it is not given."""
    if name not in given:
        return None
    try:
        return _json.decode(given[name])
    except (
        RecursionError
    ):  # how deep that is, Pythons differ in; what is less deep is refused so too
        raise unfit(name, "depth", _TOO_DEEP) from None
    except (msgspec.MsgspecError, ValueError):
        raise _bad(name, "json", _NOT_JSON) from None


def number_parameter(given: Parameters, name: str) -> int | None:
    """Return a parameter that is a whole number, 0 or more; None where it is not given."""
    if name not in given:
        return None
    if not _NUMBER.fullmatch(given[name]):
        raise _bad(name, "number", _NO_NUMBER)
    return int(given[name])


def list_parameter(given: Parameters, name: str) -> list[str] | None:
    """Return a parameter that is a list with commas, each once; None where it is not given."""
    if name not in given:
        return None
    names = given[name].split(",")
    if len(set(names)) < len(names):
        raise _bad(name, "twice", _LISTED_TWICE)
    return names


async def read_body(
    request: Request, allowed: Collection[str] | None = None, *, optional: bool = False
) -> dict[str, msgspec.Raw]:
    """Return the members of the body, a JSON object. Refuses members that are not *allowed*.

    Where it is *optional*, no body has no members. Who sends it may take long, and may be here no
    more when it has come. Raises AuthRequired, AuthExpired then.
    """
    try:
        body = await request.body()
    except Turned as turned:
        refusal = TooLarge() if turned.status == 413 else BadMessage(_NO_BODY)
        raise problem(refusal, turned.status) from turned
    if (rights := known_rights(request)) is not None:
        rights.check()
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if optional and not body and not kind:
        return {}
    if kind != "application/json":
        raise problem(BadMessage(_NOT_THIS_TYPE), 415, {"accept": "application/json"})
    try:
        members = _members.decode(body.decode())
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise BadMessage(_NO_OBJECT) from None
    for name in members if allowed is not None else ():
        if allowed is not None and name not in allowed:
            raise _bad(name, "unknown", _NOT_A_MEMBER)
    return members


def tag(epoch: str, seq: int) -> str:
    """Return the ETag of what is so after commit *seq*."""
    return f'"{epoch}-{seq}"'


def read_tag(text: str) -> tuple[str, int] | None:
    """Return the (epoch, seq) of an ETag of ours, or None. Weak ones are none of ours."""
    found = _TAG.fullmatch(text.strip())
    return (found[1], int(found[2])) if found else None


def is_known(request: Request, etag: str) -> bool:
    """Tell whether the client has what *etag* names already (RFC 9110, 13.1.2)."""
    header = request.headers.get("if-none-match", "")
    tags = (one.strip().removeprefix("W/") for one in header.split(","))
    return header.strip() == "*" or etag in tags


def guard(request: Request) -> dict[str, Any]:
    """Return the `base` and `epoch` that If-Match asks for; those of no state for a foreign tag.

    ``*`` asks for a row that is there, which a write that changes one does anyway.
    """
    header = request.headers.get("if-match")
    if header is None or header.strip() == "*":
        return {}
    epoch, seq = read_tag(header) or ("", 0)
    return {"base": seq, "epoch": epoch}


def key_of(request: Request) -> str | None:
    """Return the Idempotency-Key, as it is or in quotes; None where there is none.

    Of two, a proxy might take the one that we don't.
    """
    headers = request.headers.getlist("idempotency-key")
    if not headers:
        return None
    key = headers[0].strip() if len(headers) == 1 else ""
    if key[:1] == '"' == key[-1:] and len(key) > 1:
        key = key[1:-1]
    if not _KEY.fullmatch(key):
        raise BadMessage(_BAD_KEY)
    return key


def named(key: str) -> str:
    """Return the client that writes under *key*: one for each key.

    So a write under a key is nobody's but its own, and never passes for the neighbour's when
    conflicts are looked for.
    """
    return f"http:{key}"


def _bad(name: str, rule: str, text: Text) -> BadMessage:
    return BadMessage(None, (Detail(pointer(name), rule, text),))


def unfit(name: str, rule: str, text: Text) -> InvalidRow:
    """Return the refusal of a parameter whose value does not fit."""
    return InvalidRow(None, (Detail(pointer(name), rule, text),))


_UNKNOWN = Text("This address has no such parameter", "لا معامل بهذا الاسم في هذا العنوان")
_TWICE = Text("A parameter is given once", "يُعطى كل معامل مرة واحدة")
_LISTED_TWICE = Text("A name is listed once", "يُذكر كل اسم مرة واحدة")
_NOT_JSON = Text("This parameter is JSON", "قيمة هذا المعامل JSON")
_TOO_DEEP = Text("This is nested too deeply", "التداخل أعمق من المسموح")
_NO_NUMBER = Text("This is a whole number, 0 or more", "القيمة عدد صحيح، صفر أو أكثر")
_NO_BODY = Text("The body did not come", "لم يصل محتوى الطلب")
_NOT_THIS_TYPE = Text("A body is application/json", "محتوى الطلب من النوع application/json")
_NO_OBJECT = Text("The body is no JSON object", "محتوى الطلب ليس كائن JSON سليمًا")
_NOT_A_MEMBER = Text("The body has no such member", "لا يوجد عضو بهذا الاسم في محتوى الطلب")
_BAD_KEY = Text(
    f"An Idempotency-Key is 1-{MAX_KEY_NAME} letters, digits and signs of ASCII",
    f"قيمة Idempotency-Key من 1 إلى {MAX_KEY_NAME} من حروف ASCII وأرقامها وعلاماتها",
)
