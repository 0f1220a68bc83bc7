"""People who sign in with a password, and the sessions that come of it."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from mishkah.core.draft import View
from mishkah.core.errors import AuthRequired, Forbidden, Text
from mishkah.core.messages import Delete, Insert, Op, Update
from mishkah.core.schema import Row
from mishkah.core.values import stamp
from mishkah.identity.attempts import Attempts
from mishkah.identity.audit import entry
from mishkah.identity.book import Book
from mishkah.identity.knowing import is_over
from mishkah.identity.tables import is_simple
from mishkah.identity.tokens import new_token
from mishkah.identity.words import check_password, plain
from mishkah.who import Who

SESSION = timedelta(hours=12)
"""How long a session lasts that is not used."""
LONGEST_SESSION = timedelta(days=30)
"""After which a session ends however much it is used."""
MAX_SESSIONS = 20
"""Sessions of one person; with one more, the oldest ends."""


def in_session(who: Who) -> bool:
    """Tell whether *who* is a person who signed in with a password: no device, no program."""
    return who.user is not None and who.device is None and who.owner == f"user:{who.user}"


class Sessions:
    def __init__(self, book: Book, attempts: Attempts) -> None:
        self._book = book
        self._attempts = attempts

    async def login(self, user: str, password: str, address: str | None, now: datetime) -> str:
        """Return the token of a new session of *user*, good for `SESSION`.

        Raises AuthRequired with one sentence whether the name, the password or the person's right
        to come in is missing; RateLimited, Busy, StorageFull, StoreFailed.
        """
        name = user.strip().lower()
        person = _person(self._book.view, name)
        kept = None if person is None or person["disabled"] else person["password_hash"]
        if not await self._attempts.right(kept, plain(password), address, name):
            # What is no name may be a password, typed into the wrong field: it is not kept.
            who = Who(user=None if person is None else name)
            await self._book.note(entry("login-failed", who, address, failure=True), now)
            raise AuthRequired(WRONG)
        renewed = await self._renewed(kept, password)
        token = new_token()
        session: dict[str, Any] = {
            "id": token.id,
            "kind": "session",
            "hash": token.hash,
            "user": name,
            "created": stamp(now),
            "expires": stamp(now + SESSION),
        }
        async with self._book.turn() as view:
            person = _person(view, name)
            if person is None or person["disabled"] or person["password_hash"] != kept:
                raise AuthRequired(WRONG)  # it was changed while this was worked out
            ops: list[Op] = [Insert(table="token", data=session), *_over(view, name, now)]
            if renewed is not None:
                ops.append(Update(table="user", id=name, changes={"password_hash": renewed}))
            await self._book.write(
                ops, now, entry("login", Who(user=name, session=token.id), address)
            )
        return token.text

    async def _renewed(self, kept: str | None, password: str) -> str | None:
        """Return the hash made again, where it was made with other parameters than now."""
        if kept is None or not self._attempts.hasher.outdated(kept):
            return None
        return await self._attempts.hasher.hash(plain(password))

    async def renew(self, who: Who, now: datetime) -> bool:
        """Let the session of *who* last on, since it is used; tell whether it now does.

        Most of the time this does nothing, and what is no session stays as it is. Raises Busy,
        StorageFull, StoreFailed.
        """
        if not in_session(who) or not _is_due(self._book.view, who, now):
            return False
        async with self._book.turn() as view:
            if (until := _is_due(view, who, now)) is not None:
                changes = {"expires": until}
                await self._book.write(
                    [Update(table="token", id=who.session or "", changes=changes)], now
                )
        return until is not None

    async def logout(self, who: Who, address: str | None, now: datetime) -> None:
        """End the session of *who*; its token is as one that never was.

        Raises Forbidden where it is no session, Busy, StorageFull, StoreFailed.
        """
        if not in_session(who) or who.session is None:
            raise Forbidden(NO_SESSION)
        async with self._book.turn() as view:
            if view.get("token", who.session) is not None:
                op = Delete(table="token", id=who.session)
                await self._book.write([op], now, entry("logout", who, address))

    async def change_password(
        self, who: Who, old: str, new: str, address: str | None, now: datetime
    ) -> None:
        """Give *who* a new password; their other sessions end, this one goes on.

        Raises Forbidden where it is no session or *old* is wrong, InvalidRow where *new* is too
        easy, RateLimited, Busy, StorageFull, StoreFailed.
        """
        if not in_session(who) or who.user is None:
            raise Forbidden(NO_SESSION)
        password = check_password(new, who.user)
        person = _person(self._book.view, who.user)
        kept = None if person is None else person["password_hash"]
        if not await self._attempts.right(kept, plain(old), address, who.user):
            await self._book.note(entry("password-failed", who, address, failure=True), now)
            raise Forbidden(WRONG_OLD)
        changes = {"password_hash": await self._attempts.hasher.hash(password)}
        async with self._book.turn() as view:
            person = _person(view, who.user)
            if person is None or person["password_hash"] != kept:
                raise Forbidden(WRONG_OLD)
            ops: list[Op] = [
                Update(table="user", id=who.user, changes=changes),
                *ended(view, who.user, but=who.session),
            ]
            await self._book.write(ops, now, entry("password", who, address))


def _person(view: View, name: str) -> Row | None:
    return view.get("user", name) if is_simple(name) else None


def _sessions(view: View, user: str) -> list[Row]:
    """Return the sessions of *user*, the oldest first."""
    return [row for row in view.find("token", user=user) if row["kind"] == "session"]


def ended(view: View, user: str, but: str | None = None) -> Iterator[Op]:
    """Yield what ends the sessions of *user*, except one."""
    for session in _sessions(view, user):
        if session["id"] != but:
            yield Delete(table="token", id=session["id"])


def _over(view: View, user: str, now: datetime) -> Iterator[Op]:
    """Yield what drops the sessions of *user* that are over, or one too many with a new one."""
    sessions = _sessions(view, user)
    live = [session for session in sessions if not is_over(session, now)]
    kept = [session["id"] for session in live[max(0, len(live) - MAX_SESSIONS + 1) :]]
    for session in sessions:
        if session["id"] not in kept:
            yield Delete(table="token", id=session["id"])


def _is_due(view: View, who: Who, now: datetime) -> str | None:
    """Return until when a session may last on, where half of its time is over, or None."""
    row = view.get("token", who.session or "")
    if row is None or row["expires"] is None or is_over(row, now):
        return None
    if row["expires"] > stamp(now + SESSION / 2):
        return None
    end = datetime.fromisoformat(row["created"]) + LONGEST_SESSION
    until = stamp(min(now + SESSION, end))
    return until if until > row["expires"] else None


WRONG = Text("The name or the password is not right", "الاسم أو كلمة المرور غير صحيحة")
WRONG_OLD = Text("The old password is not right", "كلمة المرور القديمة غير صحيحة")
NO_SESSION = Text("This needs a sign-in with a password", "يحتاج هذا إلى الدخول بكلمة مرور")
