"""A client's messages, decoded once at the border and checked, and the hash that names a write."""

from hashlib import blake2b
from typing import Any, TypeGuard, get_args

import msgspec

from mishkah.core.errors import CONTROL, BadMessage, Detail, Text, TooLarge, pointer
from mishkah.core.messages import (
    Message,
    Next,
    Op,
    Ref,
    Transaction,
    Update,
    Write,
)
from mishkah.core.values import MAX_DEPTH, MAX_INTEGER, number

MAX_NAME = 128
"""The longest `client` and `ref`, in bytes of UTF-8."""
MAX_OPS = 10_000
MAX_NUMBERS = 1000
"""The most numbers that one NEXT takes."""

_decode: msgspec.json.Decoder[Message] = msgspec.json.Decoder(Message, float_hook=number)
_decode_ref = msgspec.json.Decoder(dict[str, Any], float_hook=number).decode
_canonical = msgspec.json.Encoder(order="deterministic", decimal_format="number").encode


def ops_of(command: Message) -> list[Op]:
    """Return the operations on rows that *command* asks for."""
    if isinstance(command, Transaction):
        return command.ops
    return [command] if isinstance(command, Op) else []


def decode(message: str | bytes, depth: int = MAX_DEPTH) -> Message:
    """Return what *message* asks for, or raise `Refused`; `salvage_ref` tells whose it is.

    Values in it are nested at most *depth* deep.
    """
    if isinstance(message, bytes):
        raise BadMessage(Text("Messages are text frames", "الرسائل إطارات نصية"))
    try:
        command = _decode.decode(message)
    except RecursionError:
        raise BadMessage(_too_deep(depth)) from None
    except (msgspec.MsgspecError, UnicodeError, ValueError):
        # msgspec's own words repeat the input; ValueError is a number of too many digits.
        raise BadMessage(_why(message)) from None
    if message.count("[") + message.count("{") > depth and _is_deep(command, depth):
        raise BadMessage(_too_deep(depth))
    if command.ref is not None and not _is_ref(command.ref):
        raise BadMessage(_BAD_REF)
    if isinstance(command, Transaction):
        _check_ops(command.ops)
    elif isinstance(command, Update):
        _check_update(command)
    elif isinstance(command, Next) and not 0 < command.count <= MAX_NUMBERS:
        raise BadMessage(_BAD_COUNT)
    return command


def _check_update(op: Update, *at: str | int) -> None:
    if op.changes is msgspec.UNSET and op.add is msgspec.UNSET:
        detail = Detail(pointer(*at, "changes"), "required", _NO_CHANGES)
        raise BadMessage(_NO_CHANGES, (detail,))


def _check_ops(ops: list[Op]) -> None:
    if not ops:
        raise BadMessage(Text("A transaction has at least one op", "المعاملة بلا عمليات"))
    if len(ops) > MAX_OPS:
        raise TooLarge(Text("A transaction has too many ops", "عمليات المعاملة أكثر من المسموح"))
    for i, op in enumerate(ops):
        if any(getattr(op, name, None) is not None for name in _OF_THE_WHOLE):
            raise BadMessage(_NOT_IN_OPS, (Detail(pointer("ops", i), "unknown", _NOT_IN_OPS),))
        if isinstance(op, Update):
            _check_update(op, "ops", i)


_OF_THE_WHOLE = ("ref", "branch", "module", "base", "epoch")
_NOT_IN_OPS = Text(
    "ref, branch, module, base and epoch belong to the transaction, not to its ops",
    "الحقول ref و branch و module و base و epoch تخص المعاملة لا عملياتها",
)
_NO_CHANGES = Text("An UPDATE has changes or add", "التعديل UPDATE يحتاج إلى changes أو add")
_BAD_COUNT = Text(f"count is 1 to {MAX_NUMBERS} numbers", f"العدد count من 1 إلى {MAX_NUMBERS} رقم")


def _is_deep(command: Message, depth: int) -> bool:
    """Tell whether a value in *command* is nested more than *depth* deep, without recursion."""
    level: list[Any] = [
        body
        for part in (command, *ops_of(command))
        for name in part.__struct_fields__
        if isinstance(body := getattr(part, name), dict | list) and name != "ops"
    ]
    for _ in range(depth + 1):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
    return bool(level)


def _too_deep(depth: int) -> Text:
    return Text(f"A value is nested at most {depth} deep", "التداخل أعمق من المسموح")


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
    kind = loose.get("type")
    return _BAD_SHAPE if isinstance(kind, str) and kind in TYPES else _UNKNOWN_TYPE


TYPES = frozenset(kind.__struct_config__.tag for kind in get_args(Message))
"""Every type of message that a client may send."""


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
