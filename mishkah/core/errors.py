"""Refusals: what a command can be told, with a code for programs and two languages for people.

Every sentence here is fixed: it may name the schema's own tables and fields, never what a client
sent, so that nothing sent can be reflected, formatted or injected.
"""

import math
import re
from typing import ClassVar

import msgspec

CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""What no name and no sentence holds: control characters, and halves of characters."""
MAX_SENTENCE = 200
MAX_DETAILS = 10
MAX_PATH = 64


class Text(msgspec.Struct, frozen=True):
    """One sentence in the two languages of the house."""

    en: str
    ar: str


class Detail(msgspec.Struct, frozen=True):
    """One thing that is wrong: where (a JSON pointer), by which rule, and in words."""

    path: str
    rule: str
    text: Text


def pointer(*parts: str | int) -> str:
    """Return the JSON pointer (RFC 6901) of *parts*, cut at `MAX_PATH` characters."""
    escaped = (str(part).replace("~", "~0").replace("/", "~1") for part in parts)
    return "".join(f"/{part}" for part in escaped)[:MAX_PATH]


class Refused(Exception):
    """A command that is refused whole: nothing of it happened, and no number was used."""

    code: ClassVar[str] = "INTERNAL"
    retry_ms: int = 0
    """After how long the same may be sent again; 0 where it would be refused again."""
    text: ClassVar[Text] = Text(
        "The server failed on this command; nothing was changed",
        "تعذّر على الخادم تنفيذ هذا الأمر، ولم يتغيّر شيء",
    )

    def __init__(self, text: Text | None = None, details: tuple[Detail, ...] = ()) -> None:
        self.said = text or (details[0].text if details else self.text)
        self.details = details
        super().__init__(self.said.en)


class BadMessage(Refused):
    code = "BAD_MESSAGE"
    text = Text("This is not a message of the protocol", "هذه ليست رسالة من رسائل البروتوكول")


class TooLarge(Refused):
    code = "TOO_LARGE"
    text = Text("This message is too large", "هذه الرسالة أكبر من الحد المسموح")


def too_many(most: int) -> Text:
    return Text(
        f"A socket has at most {most} subscriptions and stores",
        f"للاتصال الواحد {most} اشتراكًا ومخزنًا على الأكثر",
    )


class Forbidden(Refused):
    code = "FORBIDDEN"
    text = Text("This is not allowed", "هذا غير مسموح به")


class AuthRequired(Refused):
    """No token, or one that lets nobody in; why not is said to nobody."""

    code = "AUTH_REQUIRED"
    text = Text("Sign in first", "سجّل الدخول أولًا")


class AuthExpired(Refused):
    code = "AUTH_EXPIRED"
    text = Text("This sign-in is over: sign in again", "انتهت مدة هذا الدخول، سجّل الدخول مرة أخرى")


class UnknownModule(Refused):
    code = "UNKNOWN_MODULE"
    text = Text("Module not found", "المودول غير موجود")


class UnknownTable(Refused):
    code = "UNKNOWN_TABLE"
    text = Text("This module has no such table", "لا يوجد جدول بهذا الاسم في المودول")


class NotFound(Refused):
    code = "NOT_FOUND"
    text = Text("There is no row with this id", "لا يوجد صف بهذا المعرّف")


class InvalidRow(Refused):
    code = "INVALID"
    text = Text("This row breaks a rule of its table", "هذا الصف يخالف قاعدة من قواعد جدوله")


class Duplicate(Refused):
    code = "DUPLICATE"
    text = Text("There is already such a row", "يوجد صف مطابق من قبل")


class BrokenReference(Refused):
    code = "REFERENCE"
    text = Text("A row that is referred to is missing", "صف مُشار إليه غير موجود")


class RefReused(Refused):
    code = "REF_REUSED"
    text = Text(
        "This ref already names another write of this client",
        "هذا المرجع مستخدم من قبل لكتابة أخرى من الجهاز نفسه",
    )


class Conflict(Refused):
    """Another client has changed the row since; *current* is the row, as JSON."""

    code = "CONFLICT"
    text = Text(
        "Someone else has changed this row meanwhile",
        "عدّل شخص آخر هذا الصف في هذه الأثناء",
    )

    def __init__(self, details: tuple[Detail, ...] = (), current: bytes = b"null") -> None:
        super().__init__(None, details)
        self.current = current


class UnknownAction(Refused):
    code = "UNKNOWN_ACTION"
    text = Text("There is no such action", "لا يوجد إجراء بهذا الاسم")


class UnsupportedVersion(Refused):
    code = "UNSUPPORTED_VERSION"
    text = Text("This server speaks version 1", "هذا الخادم يتحدث الإصدار 1")


class Busy(Refused):
    code = "BUSY"
    retry_ms = 1000
    text = Text(
        "The server has no time for this now; nothing was changed",
        "لا وقت لدى الخادم لهذا الآن، ولم يتغيّر شيء",
    )


class RateLimited(Refused):
    """Too much in too short a time; the same may be tried again after *seconds*."""

    code = "RATE_LIMITED"
    text = Text(
        "This comes too fast: wait a little; nothing was changed",
        "الطلبات متلاحقة أكثر من المسموح: انتظر قليلًا، ولم يتغيّر شيء",
    )

    def __init__(self, seconds: float, text: Text | None = None) -> None:
        super().__init__(text)
        self.retry_ms = math.ceil(seconds * 1000)


class StorageFull(Refused):
    code = "STORAGE_FULL"
    retry_ms = 5000
    text = Text(
        "The server's disk takes no writes; nothing was changed",
        "قرص الخادم لا يقبل الكتابة، ولم يتغيّر شيء",
    )


class StoreFailed(Refused):
    code = "STORE_FAILED"
    retry_ms = 1000
    text = Text(
        "This branch's data is not available now",
        "بيانات هذا الفرع غير متاحة الآن",
    )


class PluginFailed(Refused):
    code = "PLUGIN_FAILED"
    text = Text(
        "A plugin failed on this command; nothing was changed",
        "تعطّلت إضافة عند تنفيذ هذا الأمر، ولم يتغيّر شيء",
    )


class Internal(Refused):
    code = "INTERNAL"


class Invalid(Exception):
    """What a plugin's validator raises to refuse a row.

    *message* is for people, *ar* is the same in Arabic; *field* names the field at fault.
    It becomes an INVALID of the command, with the path of the row.
    """

    def __init__(self, message: str, *, field: str | None = None, ar: str | None = None) -> None:
        self.text = Text(_sentence(message), _sentence(ar or message))
        self.field = _sentence(field or "")
        super().__init__(message)


def _sentence(said: object) -> str:
    """Return what a plugin said, so that it can be sent whatever it is."""
    return CONTROL.sub(" ", str(said)[:MAX_SENTENCE])


class Finding(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something wrong in a file that an operator or a plugin's author wrote.

    A *note* is worth knowing and hinders nothing. *line* is counted from 1; 0 is none.
    """

    file: str
    path: str
    message: str
    note: bool = False
    line: int = 0

    def __str__(self) -> str:
        file = f"{self.file}:{self.line}" if self.line else self.file
        return ": ".join(filter(None, (file, self.path, self.message)))
