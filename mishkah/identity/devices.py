"""Devices that belong to the house: how they enrol, and who acts on them by a PIN."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import msgspec

from mishkah.core.draft import View
from mishkah.core.errors import AuthRequired, Forbidden, RateLimited, Text
from mishkah.core.messages import Delete, Insert, Op, Update
from mishkah.core.schema import Row
from mishkah.core.values import stamp
from mishkah.identity.attempts import Attempts
from mishkah.identity.audit import entry
from mishkah.identity.book import Book
from mishkah.identity.knowing import scopes_at
from mishkah.identity.pins import failures_after, locked_for, without
from mishkah.identity.register import may_manage, may_still
from mishkah.identity.scopes import Scopes, kept_scopes
from mishkah.identity.tables import is_simple
from mishkah.identity.tokens import as_typed, is_secret, new_code, new_token
from mishkah.identity.words import digits, noted
from mishkah.who import Who

CODE = timedelta(minutes=10)
"""How long a code may be typed in."""
MAX_CODES = 20
"""Codes that are good at once; with one more, the oldest is not."""
ACTING = timedelta(hours=12)
"""How long a person acts on a device after a PIN."""


class Devices:
    def __init__(self, book: Book, attempts: Attempts) -> None:
        self._book = book
        self._attempts = attempts

    async def create_code(
        self, by: Who, device: str, now: datetime, *, label: str = "", scopes: Scopes | None = None
    ) -> str:
        """Return a one-time code, good for `CODE`, by which *device* enrols.

        A device that is new is made with *label* and *scopes*; one that is there keeps its own
        where *scopes* is None. Raises Forbidden where *by* does not manage the house, InvalidRow,
        Busy, StorageFull, StoreFailed.
        """
        may_manage(by)
        code = new_code()
        data = {
            "id": code.id,
            "hash": code.hash,
            "device": device,
            "created": stamp(now),
            "expires": stamp(now + CODE),
        }
        async with self._book.turn() as view:
            may_still(view, by, now)
            ops = [_made(view, device, label, scopes), *_old_codes(view, device, now)]
            ops.append(Insert(table="code", data=data))
            await self._book.write(ops, now, entry("code", by, detail=device))
        return f"{code.text[:4]}-{code.text[4:]}"

    async def enrol(self, code: str, address: str | None, now: datetime) -> str:
        """Return a token for the device that *code* was made for; its older tokens are no more, and
        nobody acts on it.

        Raises AuthRequired for what is no code, or one that was used or is too old, with one
        sentence; RateLimited, Busy, StorageFull, StoreFailed.
        """
        name = f"enrolment at {address}"  # a name of each address: none shuts others out
        at = self._attempts.begin(address, name)
        token, typed = new_token(), as_typed(code)
        async with self._book.turn() as view:
            found = _code(view, typed, now)
            if found is not None:
                device = found["device"]
                nobody = {"acting": None, "acting_until": None}
                ops: list[Op] = [
                    Delete(table="code", id=found["id"]),
                    Update(table="device", id=device, changes=nobody),
                ]
                ops += [
                    Delete(table="token", id=t["id"]) for t in view.find("token", device=device)
                ]
                data: dict[str, Any] = {"id": token.id, "kind": "device", "hash": token.hash}
                data |= {"device": device, "created": stamp(now)}
                ops.append(Insert(table="token", data=data))
                who = Who(device=device, session=token.id)
                await self._book.write(ops, now, entry("enrol", who, address))
                self._attempts.succeeded(address, name, at)
                return token.text
        await self._book.note(entry("enrol-failed", address=address, failure=True), now)
        raise AuthRequired(BAD_CODE)

    async def act(self, who: Who, user: str, pin: str, address: str | None, now: datetime) -> None:
        """Let *user*, who knows their PIN, be the one who acts on the device of *who*.

        All that shows the device's token is theirs until `stop_acting`, another PIN, or `ACTING` is
        over. Raises Forbidden where *who* is no device, with one sentence for an unknown person, a
        wrong PIN and one who is disabled, and where the person has no role at the device;
        RateLimited while wrong PINs lock the device; Busy, StorageFull, StoreFailed.
        """
        device = _device_of(who)
        name = user.strip().lower()
        self._attempts.hasher.check_room()  # who is told to come back has tried nothing
        # Counted before it is tried, so that many at once are no more than one after another.
        async with self._book.turn() as view:
            row = _row(view, device)
            person = view.get("user", name) if is_simple(name) else None
            if wait := locked_for(row, now):
                raise RateLimited(wait, PIN_LOCKED)
            counted = failures_after(row, name if person is not None else "", now)
            await self._book.write([Update(table="device", id=device, changes=counted)], now)
        kept = None if person is None or person["disabled"] else person["pin_hash"]
        if not await self._attempts.hasher.verify(kept, digits(pin)):
            locked = counted["locked_until"] is not None
            failed = entry("pin-failed", who, address, "locked" if locked else None, failure=True)
            failed = msgspec.structs.replace(failed, user=None if person is None else name)
            await self._book.note(failed, now)
            raise Forbidden(WRONG_PIN)
        async with self._book.turn() as view:
            row, person = _row(view, device), view.get("user", name)
            if person is None or person["disabled"] or person["pin_hash"] != kept:
                raise Forbidden(WRONG_PIN)
            changes: dict[str, Any] = without(row, name)
            allowed = any(scope.role for scope in scopes_at(row, person))
            if allowed:
                changes |= {"acting": name, "acting_until": stamp(now + ACTING)}
            done = msgspec.structs.replace(who, user=name)
            event = entry("pin", done, address, None if allowed else "no role at this device")
            await self._book.write([Update(table="device", id=device, changes=changes)], now, event)
        if not allowed:
            raise Forbidden(NO_ROLE)

    async def stop_acting(self, who: Who, address: str | None, now: datetime) -> None:
        """Let nobody act on the device of *who*: it is itself again.

        Raises Forbidden where *who* is no device, Busy, StorageFull, StoreFailed.
        """
        device = _device_of(who)
        async with self._book.turn() as view:
            if _row(view, device)["acting"] is not None:
                op = Update(
                    table="device", id=device, changes={"acting": None, "acting_until": None}
                )
                await self._book.write([op], now, entry("pin-over", who, address))


def _device_of(who: Who) -> str:
    if who.device is None:
        raise Forbidden(NO_DEVICE)
    return who.device


def _row(view: View, device: str) -> Row:
    row = view.get("device", device)
    if row is None or row["disabled"]:
        raise Forbidden(NO_DEVICE)
    return row


def _made(view: View, device: str, label: str, scopes: Scopes | None) -> Op:
    """Return what makes *device*, or gives the one that is there what is new of it."""
    data: dict[str, Any] = {}
    if label:
        data["label"] = noted(label)
    if scopes is not None:
        data["scopes"] = kept_scopes(scopes)
    if view.get("device", device) is not None:
        return Update(table="device", id=device, changes=data)
    return Insert(table="device", data={"id": device, "scopes": [], **data})


def _old_codes(view: View, device: str, now: datetime) -> Iterator[Op]:
    """Yield what drops the codes that are over, this device's, and the oldest of too many."""
    codes = list(view.rows("code"))
    live = [c for c in codes if c["expires"] > stamp(now) and c["device"] != device]
    kept = {code["id"] for code in live[max(0, len(live) - MAX_CODES + 1) :]}
    for code in codes:
        if code["id"] not in kept:
            yield Delete(table="code", id=code["id"])


def _code(view: View, typed: str, now: datetime) -> Row | None:
    """Return the code that was typed; all are compared, so that time tells nothing."""
    rows = list(view.rows("code"))
    right = [row for row in rows if is_secret(typed, row["hash"])]
    return next((row for row in right if row["expires"] > stamp(now)), None)


BAD_CODE = Text("This code is not right, or its time is over", "الرمز غير صحيح أو انتهت مدته")
WRONG_PIN = Text("The name or the PIN is not right", "الاسم أو الرقم السري غير صحيح")
PIN_LOCKED = Text(
    "Too many wrong PINs on this device: wait a little",
    "محاولات خاطئة كثيرة على هذا الجهاز، انتظر قليلًا",
)
NO_ROLE = Text("This person has no role at this device", "لا دور لهذا الشخص على هذا الجهاز")
NO_DEVICE = Text("This is for enrolled devices", "هذا للأجهزة المسجّلة فقط")
