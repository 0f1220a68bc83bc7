"""Who shows a token: looked up in what is committed, without a wait."""

from datetime import datetime

from mishkah.core.draft import View
from mishkah.core.errors import AuthExpired, AuthRequired
from mishkah.core.schema import Row
from mishkah.core.values import stamp
from mishkah.identity.scopes import Scopes, narrowed, places, scopes_of
from mishkah.identity.tokens import is_secret, split_token
from mishkah.who import Who


def identify(view: View, token: str | None, now: datetime) -> Who:
    """Return who shows *token*. At `Who.expires` they must be asked for again.

    Raises AuthRequired for no, an unknown or a revoked token, and for who is disabled: one text for
    all; AuthExpired where the right token is too old. The secret is hashed and compared, in
    constant time, for unknown ids as well.
    """
    identifier, secret = split_token(token)
    row = view.get("token", identifier)
    if not is_secret(secret, None if row is None else row["hash"]):
        raise AuthRequired
    assert row is not None
    return _let_in(view, row, now)


def known_again(view: View, session: str, now: datetime) -> Who:
    """Return who has shown the token *session* before. Raises as `identify`."""
    row = view.get("token", session)
    if row is None:
        raise AuthRequired
    return _let_in(view, row, now)


def _let_in(view: View, token: Row, now: datetime) -> Who:
    who = None if token["revoked"] else _bearer(view, token, stamp(now))
    if who is None:
        raise AuthRequired
    if is_over(token, now):
        raise AuthExpired
    return who


def is_over(token: Row, now: datetime) -> bool:
    """Tell whether a token's time is over."""
    return token["expires"] is not None and token["expires"] <= stamp(now)


def _bearer(view: View, token: Row, now: str) -> Who | None:
    """Return whose *token* is, or None where they are disabled."""
    if token["kind"] == "device":
        return _device(view, token, now)
    user = _enabled(view, "user", token["user"])
    if user is None:
        return None
    program = token["kind"] == "program"
    scopes = scopes_of(user["scopes"])
    if token["scopes"] is not None:
        scopes = narrowed(scopes, scopes_of(token["scopes"]))
    return Who(
        user=user["id"],
        session=token["id"],
        owner=f"token:{token['id']}" if program else f"user:{user['id']}",
        scopes=scopes,
        expires=_seconds(token["expires"]),
    )


def _device(view: View, token: Row, now: str) -> Who | None:
    """Return the device, or the person who acts on it, with what both of them may."""
    device = _enabled(view, "device", token["device"])
    if device is None:
        return None
    user = acting(view, device, now)
    until = min(filter(None, (token["expires"], user and device["acting_until"])), default=None)
    return Who(
        user=None if user is None else user["id"],
        device=device["id"],
        session=token["id"],
        owner=f"device:{device['id']}",
        scopes=scopes_of(device["scopes"]) if user is None else scopes_at(device, user),
        expires=_seconds(until),
    )


def acting(view: View, device: Row, now: str) -> Row | None:
    """Return the person who acts on *device* at *now* (a timestamp), or None."""
    if device["acting"] is None or (device["acting_until"] or "") <= now:
        return None
    return _enabled(view, "user", device["acting"])


def scopes_at(device: Row, user: Row) -> Scopes:
    """Return what *user* may do at *device*: their own roles, where the device belongs."""
    return narrowed(scopes_of(user["scopes"]), places(scopes_of(device["scopes"])))


def _enabled(view: View, table: str, identifier: str) -> Row | None:
    row = view.get(table, identifier)
    return None if row is None or row["disabled"] else row


def _seconds(timestamp: str | None) -> float | None:
    return None if timestamp is None else datetime.fromisoformat(timestamp).timestamp()
