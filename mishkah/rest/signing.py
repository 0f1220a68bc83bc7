"""Signing in and out: people by a password, devices by a code, and who acts on one by a PIN.

There is none of this in a house that is open to everybody.
"""

from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from mishkah.core.errors import (
    AuthExpired,
    AuthRequired,
    BadMessage,
    Detail,
    Forbidden,
    NotFound,
    Text,
    pointer,
)
from mishkah.core.values import stamp
from mishkah.http.credentials import is_foreign, is_own
from mishkah.identity.identity import Identity
from mishkah.rest.asking import Desk
from mishkah.rest.reading import as_json
from mishkah.rest.requests import Parameters, read_body
from mishkah.site.cookies import give_cookie, show_again, take_cookie
from mishkah.site.premises import Premises
from mishkah.site.visitors import caller, note_refusal, rights_of, shown_token
from mishkah.who import Who

T = TypeVar("T")
Body = dict[str, msgspec.Raw]

_FRESH = {"cache-control": "no-store"}


async def login(desk: Desk, request: Request, given: Parameters) -> Response:
    """Begin a session of a person who knows their password."""
    identity, now = _identity(desk), desk.house.clock()
    body = await read_body(request, ("user", "password", "cookie"))
    user, password = _member(body, "user", str), _member(body, "password", str)
    cookie = _wants_cookie(desk.house, request, body)
    if cookie and _is_device(desk.house, request):
        raise Forbidden(_IS_DEVICE)
    token = await identity.sessions.login(user, password, caller(request), now)
    return _let_in(desk.house, request, token, cookie=cookie)


async def enrol(desk: Desk, request: Request, given: Parameters) -> Response:
    """Let a device in for good, that brings a code which was made for it."""
    identity, now = _identity(desk), desk.house.clock()
    body = await read_body(request, ("code", "cookie"))
    code = _member(body, "code", str)
    cookie = _wants_cookie(desk.house, request, body)
    token = await identity.devices.enrol(code, caller(request), now)
    return _let_in(desk.house, request, token, cookie=cookie)


async def logout(desk: Desk, request: Request, given: Parameters) -> Response:
    """End the session that the request shows; a cookie of one that is over goes too."""
    identity, now = _identity(desk), desk.house.clock()
    gone = Response(status_code=204, headers=_FRESH)
    try:
        who = rights_of(desk.house, request).who
    except (AuthRequired, AuthExpired):
        if not is_own(request.headers, request.scope["scheme"], desk.house.origins):
            raise
    else:
        await identity.sessions.logout(who, caller(request), now)
    take_cookie(request, gone)
    return gone


async def me(desk: Desk, request: Request, given: Parameters) -> Response:
    """Tell whose rights the request has, until when, and the role in each store it may enter."""
    identity = _identity(desk)
    rights = rights_of(desk.house, request)
    await identity.sessions.renew(rights.who, desk.house.clock())
    who = desk.house.gate.again(rights.who)
    stores = [
        {"branch": store.branch, "module": store.module, "role": who.role_in(store)}
        for store in desk.house.catalog.listed
        if rights.may_enter(store)
    ]
    response = as_json({**_told(who), "stores": stores}, _FRESH)
    show_again(desk.house, request, response)
    return response


async def password(desk: Desk, request: Request, given: Parameters) -> Response:
    """Give who is signed in another password; their other sessions end."""
    identity, now = _identity(desk), desk.house.clock()
    rights = rights_of(desk.house, request)
    body = await read_body(request, ("old", "new"))
    old, new = _member(body, "old", str), _member(body, "new", str)
    await identity.sessions.change_password(rights.who, old, new, caller(request), now)
    return Response(status_code=204, headers=_FRESH)


async def act(desk: Desk, request: Request, given: Parameters) -> Response:
    """Let a person act on the device that sends the request, by their PIN."""
    identity, now = _identity(desk), desk.house.clock()
    rights = rights_of(desk.house, request)
    body = await read_body(request, ("user", "pin"))
    user, pin = _member(body, "user", str), _member(body, "pin", str)
    await identity.devices.act(rights.who, user, pin, caller(request), now)
    return as_json(_told(desk.house.gate.again(rights.who)), _FRESH)


async def stop_acting(desk: Desk, request: Request, given: Parameters) -> Response:
    """Let the device that sends the request be nobody's again."""
    identity, now = _identity(desk), desk.house.clock()
    who = rights_of(desk.house, request).who
    await identity.devices.stop_acting(who, caller(request), now)
    return Response(status_code=204, headers=_FRESH)


NOTED = frozenset({login, enrol, password, act})
"""What has its refusals noted by who refuses, with more than their code."""


def _identity(desk: Desk) -> Identity:
    if desk.house.identity is None:
        raise NotFound(_OPEN_HOUSE)
    return desk.house.identity


def _member(body: Body, name: str, kind: type[T]) -> T:
    """Return a member that *body* must have. Raises BadMessage."""
    try:
        return msgspec.json.decode(body[name], type=kind)
    except (KeyError, msgspec.MsgspecError, ValueError):
        text = _NO_TEXT if kind is str else _NO_FLAG
        raise BadMessage(None, (Detail(pointer(name), "type", text),)) from None


def _wants_cookie(house: Premises, request: Request, body: Body) -> bool:
    """Tell whether the token shall be a cookie. Raises Forbidden where it may not be.

    A page of another site that could sign somebody in under a name of its own choice would read
    afterwards what they write (login CSRF). A program has no business with a cookie.
    """
    wanted = _member(body, "cookie", bool) if "cookie" in body else True
    scheme = request.scope["scheme"]
    foreign = is_foreign(request.headers, scheme, house.origins)
    if foreign or (wanted and not is_own(request.headers, scheme, house.origins)):
        note_refusal(house, request, Forbidden.code)
        raise Forbidden(_FOREIGN if foreign else _NO_PAGE)
    return wanted


def _is_device(house: Premises, request: Request) -> bool:
    """Tell whether the browser has enrolled: another cookie would make it forget that."""
    try:
        token = shown_token(house, request)
        return token is not None and house.gate.identify(token).device is not None
    except (AuthRequired, AuthExpired):
        return False


def _let_in(house: Premises, request: Request, token: str, *, cookie: bool) -> Response:
    who = house.gate.identify(token)
    if not cookie:
        return as_json({**_told(who), "token": token}, _FRESH)
    response = as_json(_told(who), _FRESH)
    give_cookie(house, request, response, token, who)
    return response


def _told(who: Who) -> dict[str, Any]:
    expires = None if who.expires is None else stamp(datetime.fromtimestamp(who.expires, UTC))
    return {"user": who.user, "device": who.device, "expires": expires}


_OPEN_HOUSE = Text(
    "There is no signing in here: everything is open to everybody",
    "لا تسجيل دخول هنا: كل شيء مفتوح للجميع",
)
_NO_TEXT = Text("This is a text, and must be there", "هذه القيمة نص مطلوب")
_NO_FLAG = Text("This is true or false", "هذه القيمة true أو false")
_FOREIGN = Text(
    "Pages of other sites may not sign in here", "لا تسجّل صفحات المواقع الأخرى الدخول هنا"
)
_NO_PAGE = Text(
    'Cookies are for pages of this server; programs say "cookie": false',
    'ملف تعريف الارتباط لصفحات هذا الخادم، والبرامج ترسل "cookie": false',
)
_IS_DEVICE = Text(
    "This browser is an enrolled device: use a PIN, or another browser",
    "هذا المتصفح جهاز مسجّل: استخدم الرقم السري أو متصفحًا آخر",
)
