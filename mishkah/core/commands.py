"""What a client may ask for: decoded once, at the border, into frozen values."""

from hashlib import blake2b
from typing import Any, ClassVar, TypeGuard

import msgspec

from mishkah.core.errors import CONTROL, BadMessage, Detail, Text, TooLarge, pointer
from mishkah.core.values import MAX_DEPTH, MAX_INTEGER, number

MAX_NAME = 128
"""The longest `client` and `ref`, in bytes of UTF-8."""
MAX_OPS = 10_000

Ref = str | int


class Command(msgspec.Struct, frozen=True, kw_only=True, tag_field="type",
              forbid_unknown_fields=True):  # fmt: skip
    """A message from a client. `branch` and `module` may repeat what the socket is bound to."""

    ref: Ref | None = None
    branch: str | None = None
    module: str | None = None


class Insert(Command, frozen=True, kw_only=True, tag="INSERT"):
    operation: ClassVar[str] = "INSERT"
    table: str
    data: dict[str, Any]


class Update(Command, frozen=True, kw_only=True, tag="UPDATE"):
    operation: ClassVar[str] = "UPDATE"
    table: str
    id: str
    changes: dict[str, Any]


class Delete(Command, frozen=True, kw_only=True, tag="DELETE"):
    operation: ClassVar[str] = "DELETE"
    table: str
    id: str


Op = Insert | Update | Delete


class Transaction(Command, frozen=True, kw_only=True, tag="TRANSACTION"):
    ops: list[Op]


Write = Op | Transaction

_decode: msgspec.json.Decoder[Write] = msgspec.json.Decoder(Write, float_hook=number)
_decode_ref = msgspec.json.Decoder(dict[str, Any], float_hook=number).decode
_canonical = msgspec.json.Encoder(order="deterministic", decimal_format="number").encode


def ops_of(command: Write) -> list[Op]:
    return command.ops if isinstance(command, Transaction) else [command]


def decode(message: str | bytes) -> Write:
    """Return the command in *message*, or raise `Refused`; `salvage_ref` tells whose it is."""
    if isinstance(message, bytes):
        raise BadMessage(Text("Messages are text frames", "الرسائل إطارات نصية"))
    try:
        command = _decode.decode(message)
    except RecursionError:
        raise BadMessage(_TOO_DEEP) from None
    except (msgspec.MsgspecError, UnicodeError, ValueError):
        # msgspec's own words repeat the input; ValueError is a number of too many digits.
        raise BadMessage(_why(message)) from None
    if message.count("[") + message.count("{") > 4 * MAX_DEPTH and _is_deep(command):
        raise BadMessage(_TOO_DEEP)
    if command.ref is not None and not _is_ref(command.ref):
        raise BadMessage(_BAD_REF)
    if isinstance(command, Transaction):
        _check_ops(command.ops)
    return command


def _check_ops(ops: list[Op]) -> None:
    if not ops:
        raise BadMessage(Text("A transaction has at least one op", "المعاملة بلا عمليات"))
    if len(ops) > MAX_OPS:
        raise TooLarge(Text("A transaction has too many ops", "عمليات المعاملة أكثر من المسموح"))
    for i, op in enumerate(ops):
        if op.ref is not None or op.branch is not None or op.module is not None:
            text = Text(
                "ref, branch and module belong to the transaction, not to its ops",
                "الحقول ref و branch و module تخص المعاملة لا عملياتها",
            )
            raise BadMessage(text, (Detail(pointer("ops", i), "unknown", text),))


def _is_deep(command: Write) -> bool:
    """Tell whether a value in *command* is nested deeper than any can be, without recursion."""
    bodies = (getattr(op, body, None) for op in ops_of(command) for body in ("data", "changes"))
    level: list[Any] = [body for body in bodies if body is not None]
    for _ in range(MAX_DEPTH + 1):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
    return bool(level)


_TOO_DEEP = Text(f"A value is nested at most {MAX_DEPTH} deep", "التداخل أعمق من المسموح")
_BAD_REF = Text(
    f"A ref is text of 1-{MAX_NAME} bytes, or a whole number within 2^53",
    f"ref نص من 1 إلى {MAX_NAME} بايت أو عدد صحيح لا يتجاوز 2^53",
)
_NOT_JSON = Text("This is not JSON", "هذه ليست JSON سليمة")
_UNKNOWN_TYPE = Text("There is no such message type", "لا يوجد نوع رسالة بهذا الاسم")
_BAD_SHAPE = Text(
    "A field of this message is missing, unknown or of the wrong type",
    "في الرسالة حقل ناقص أو غير معروف أو من نوع خاطئ",
)


def _why(message: str) -> Text:
    """Return the sentence that says what is wrong with *message*."""
    try:
        loose = _decode_ref(message)
    except msgspec.ValidationError:
        return BadMessage.text
    except (msgspec.MsgspecError, UnicodeError, ValueError, RecursionError):
        return _NOT_JSON
    types = {"INSERT", "UPDATE", "DELETE", "TRANSACTION"}
    kind = loose.get("type")
    return _BAD_SHAPE if isinstance(kind, str) and kind in types else _UNKNOWN_TYPE


def salvage_ref(message: str | bytes) -> Ref | None:
    """Return the `ref` of a message that could not be decoded, so that its refusal finds home."""
    try:
        ref = _decode_ref(message).get("ref")
    except (msgspec.MsgspecError, UnicodeError, ValueError, RecursionError):
        return None
    return ref if _is_ref(ref) else None


def _is_ref(ref: object) -> TypeGuard[Ref]:
    if isinstance(ref, str):
        return is_name(ref)
    return isinstance(ref, int) and not isinstance(ref, bool) and abs(ref) <= MAX_INTEGER


def is_name(text: str) -> bool:
    """Tell whether *text* may be a `client` or a `ref`: 1-128 bytes, no control characters."""
    return 0 < len(text.encode(errors="replace")) <= MAX_NAME and not CONTROL.search(text)


def digest(command: Write) -> bytes:
    """Return the 16-byte hash of what *command* asks for; white space and key order don't count."""
    bare = msgspec.structs.replace(command, ref=None, branch=None, module=None)
    return blake2b(_canonical(bare), digest_size=16).digest()
