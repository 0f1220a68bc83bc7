"""People, devices and programs as an owner keeps them; and what people may keep of their own."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from mishkah.core.draft import View
from mishkah.core.errors import Forbidden, NotFound, Text
from mishkah.core.messages import Delete, Insert, Op, Update
from mishkah.core.schema import Row
from mishkah.core.values import stamp
from mishkah.identity.audit import entry
from mishkah.identity.book import Book
from mishkah.identity.hasher import Hasher
from mishkah.identity.knowing import known_again
from mishkah.identity.scopes import OWNER, Scopes, kept_scopes
from mishkah.identity.sessions import ended, in_session
from mishkah.identity.tables import manages
from mishkah.identity.tokens import new_token
from mishkah.identity.words import check_password, check_pin, noted
from mishkah.who import Scope, Who

OPERATOR = Who(owner="operator", session="operator", scopes=(Scope(OWNER),))
"""Who has the machine's own hands: the commands that are typed there. No token has such an id."""


def may_manage(by: Who) -> None:
    """Raise Forbidden unless *by* may say who comes in."""
    if not manages(by):
        raise Forbidden(ONLY_OWNERS)


def may_still(view: View, by: Who, now: datetime, own: str | None = None) -> None:
    """Raise Forbidden, AuthRequired where *by*, who had to wait, may do it no more.

    *own* is whom it is about, where people may do it for themselves.
    """
    if by.session is not None and by != OPERATOR:
        by = known_again(view, by.session, now)
    if not (own is not None and in_session(by) and by.user == own):
        may_manage(by)


class Register:
    """Changes are by who manages the house: an owner of everything, not on a device.

    Where a method says so, people may change what is their own, in a session. All raise Forbidden,
    Busy, StorageFull and StoreFailed beside what they say.
    """

    def __init__(self, book: Book, hasher: Hasher) -> None:
        self._book = book
        self._hasher = hasher

    async def create_user(
        self,
        by: Who,
        user: str,
        now: datetime,
        *,
        name: str = "",
        scopes: Scopes = (),
        password: str | None = None,
        pin: str | None = None,
    ) -> None:
        """Make a person, who may sign in as *user*; the first one must be an owner.

        Raises InvalidRow (names, scopes, a password or PIN that is too easy), Duplicate.
        """
        may_manage(by)
        data: dict[str, Any] = {
            "id": user,
            "name": noted(name),
            "scopes": kept_scopes(scopes),
            "created": stamp(now),
        }
        if password is not None:
            data["password_hash"] = await self._hasher.hash(check_password(password, user))
        if pin is not None:
            data["pin_hash"] = await self._hasher.hash(check_pin(pin))
        async with self._book.turn() as view:
            may_still(view, by, now)
            op = Insert(table="user", data=data)
            await self._book.write([op], now, entry("user-created", by, detail=user))

    async def change_user(
        self, by: Who, user: str, now: datetime, *, name: str | None, scopes: Scopes | None
    ) -> None:
        """Give *user* another name, or other scopes; None leaves them.

        Raises NotFound, InvalidRow.
        """
        may_manage(by)
        await self._update(by, "user", user, _given(name=name, scopes=scopes), "user-changed", now)

    async def change_device(
        self, by: Who, device: str, now: datetime, *, label: str | None, scopes: Scopes | None
    ) -> None:
        """Give *device* another label, or other scopes. Raises NotFound, InvalidRow."""
        may_manage(by)
        given = _given(label=label, scopes=scopes)
        await self._update(by, "device", device, given, "device-changed", now)

    async def set_password(self, by: Who, user: str, password: str, now: datetime) -> None:
        """Give *user* a password without asking for the old one; their sessions end.

        Raises NotFound, InvalidRow.
        """
        may_manage(by)
        hashed = await self._hasher.hash(check_password(password, user))
        async with self._book.turn() as view:
            may_still(view, by, now)
            ops = [Update(table="user", id=user, changes={"password_hash": hashed})]
            done = entry("password-set", by, detail=user)
            await self._book.write([*ops, *ended(view, user)], now, done)

    async def set_pin(self, by: Who, user: str, pin: str | None, now: datetime) -> None:
        """Give *user* a PIN, or none. People may do so for themselves.

        Raises NotFound, InvalidRow.
        """
        if not (in_session(by) and by.user == user):
            may_manage(by)
        hashed = None if pin is None else await self._hasher.hash(check_pin(pin))
        await self._update(by, "user", user, {"pin_hash": hashed}, "pin-set", now, own=user)

    async def end_sessions(self, by: Who, user: str, now: datetime) -> int:
        """Let *user* sign in anew wherever they are signed in; return in how many places.

        Raises NotFound.
        """
        may_manage(by)
        async with self._book.turn() as view:
            may_still(view, by, now)
            if view.get("user", user) is None:
                raise NotFound
            ops = list(ended(view, user))
            await self._book.write(ops, now, entry("sessions-ended", by, detail=user))
        return len(ops)

    async def disable_user(self, by: Who, user: str, now: datetime) -> None:
        """Let *user* in no more: sessions end, tokens wait. Raises NotFound, InvalidRow.

        The last owner can't be disabled.
        """
        may_manage(by)
        async with self._book.turn() as view:
            may_still(view, by, now)
            ops: list[Op] = [Update(table="user", id=user, changes={"disabled": True})]
            ops += ended(view, user)
            ops += [
                Update(table="device", id=d["id"], changes={"acting": None, "acting_until": None})
                for d in view.find("device", acting=user)
            ]
            await self._book.write(ops, now, entry("user-disabled", by, detail=user))

    async def enable_user(self, by: Who, user: str, now: datetime) -> None:
        """Let *user* in again. Raises NotFound."""
        may_manage(by)
        await self._update(by, "user", user, {"disabled": False}, "user-enabled", now)

    async def disable_device(self, by: Who, device: str, now: datetime) -> None:
        """Let *device* in no more. Raises NotFound."""
        may_manage(by)
        changes = {"disabled": True, "acting": None, "acting_until": None}
        await self._update(by, "device", device, changes, "device-disabled", now)

    async def enable_device(self, by: Who, device: str, now: datetime) -> None:
        """Let *device* in again; wrong PINs are forgotten. Raises NotFound."""
        may_manage(by)
        changes = {"disabled": False, "pin_failures": None, "locked_until": None}
        await self._update(by, "device", device, changes, "device-enabled", now)

    async def create_token(
        self,
        by: Who,
        user: str,
        now: datetime,
        *,
        label: str = "",
        scopes: Scopes | None = None,
        expires: datetime | None = None,
    ) -> str:
        """Return a token for a program of *user*: what they may, narrowed to *scopes*.

        People may make their own. Raises BrokenReference where there is no such person, InvalidRow.
        """
        if not (in_session(by) and by.user == user):
            may_manage(by)
        token = new_token()
        data = {
            "id": token.id,
            "kind": "program",
            "hash": token.hash,
            "user": user,
            "label": noted(label),
            "scopes": None if scopes is None else kept_scopes(scopes),
            "created": stamp(now),
            "expires": None if expires is None else stamp(expires),
        }
        async with self._book.turn() as view:
            may_still(view, by, now, user)
            done = entry("token-created", by, detail=token.id)
            await self._book.write([Insert(table="token", data=data)], now, done)
        return token.text

    async def revoke_token(self, by: Who, token: str, now: datetime) -> None:
        """Let nobody in by the token of this id. People may revoke their own.

        Raises NotFound, also where it is another's.
        """
        if not in_session(by):
            may_manage(by)
        async with self._book.turn() as view:
            row = view.get("token", token)
            if row is None or not (manages(by) or row["user"] == by.user):
                raise NotFound
            if row["revoked"] is not None:
                return
            op: Op = Update(table="token", id=token, changes={"revoked": stamp(now)})
            if row["kind"] == "session":
                op = Delete(table="token", id=token)
            await self._book.write([op], now, entry("token-revoked", by, detail=token))

    async def _update(
        self, by: Who, table: str, identifier: str, changes: dict[str, Any], event: str,
        now: datetime, own: str | None = None,
    ) -> None:  # fmt: skip
        async with self._book.turn() as view:
            may_still(view, by, now, own)
            op = Update(table=table, id=identifier, changes=changes)
            await self._book.write([op], now, entry(event, by, detail=identifier))

    def users(self, by: Who) -> list[Row]:
        """Return all people, without secrets; `pin` and `password` tell whether there is one."""
        may_manage(by)
        return list(_shown(self._book.view, "user"))

    def devices(self, by: Who) -> list[Row]:
        """Return all devices."""
        may_manage(by)
        return list(_shown(self._book.view, "device"))

    def tokens(self, by: Who) -> list[Row]:
        """Return the tokens, without secrets: all to who manages, to others in a session theirs."""
        if not in_session(by):
            may_manage(by)
        every = _shown(self._book.view, "token")
        return [row for row in every if manages(by) or row["user"] == by.user]

    def audit(self, by: Who, limit: int = 100) -> list[Row]:
        """Return the last *limit* rows of the audit, the newest first."""
        may_manage(by)
        view = self._book.view
        newest = list(view.ids("audit"))[-limit:][::-1] if limit > 0 else []
        return [row for identifier in newest if (row := view.get("audit", identifier))]


_HASHES = {"password_hash": "password", "pin_hash": "pin", "hash": "secret"}


def _shown(view: View, table: str) -> Iterator[Row]:
    for row in view.rows(table):
        yield {
            _HASHES.get(name, name): value is not None if name in _HASHES else value
            for name, value in row.items()
        }


def _given(scopes: Scopes | None = None, **texts: str | None) -> dict[str, Any]:
    """Return what is given of these, as rows keep it."""
    given: dict[str, Any] = {name: noted(text) for name, text in texts.items() if text is not None}
    return given if scopes is None else {**given, "scopes": kept_scopes(scopes)}


ONLY_OWNERS = Text(
    "Only an owner of the whole house may do this, not on a till",
    "هذا لمالك المنشأة كلها، وليس من جهاز نقطة بيع",
)
