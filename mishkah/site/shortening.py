"""Shorter ways to say the same in a script: what is done to its tokens before they are one."""

import re
from collections.abc import Sequence

_NUMBER = re.compile(r"\d[\d_]*")
_CONSTANT = re.compile(r"[A-Z][A-Z_]+")
_SHORTER = {
    "true": ("!", "0"),
    "false": ("!", "1"),
    "undefined": ("void", "0"),
    "const": ("let",),
}
"""Nothing is assigned to a constant: its author's tools have seen to that."""


def shorten(tokens: Sequence[str]) -> list[str]:
    """Return *tokens* without what JavaScript does not ask for; properties are never called so."""
    said: list[str] = []
    for text in _without_brackets(_without_named_numbers(tokens)):
        said += _SHORTER.get(text, (text,))
    return said


def _without_named_numbers(tokens: Sequence[str]) -> list[str]:
    """Write numbers in the place of names in capitals: ``const FIRST_MS = 250;``."""
    numbers: dict[str, str] = {}
    said: list[str] = []
    for text in tokens:
        said.append(_number(text) if _NUMBER.fullmatch(text) else numbers.get(text, text))
        match said[-5:]:
            case ["const", name, "=", number, ";"] if (
                _CONSTANT.fullmatch(name) and number[0].isdigit()
            ):
                numbers[name] = number
                del said[-5:]
    return said


def _number(text: str) -> str:
    digits = text.replace("_", "")
    zeros = len(digits) - len(digits.rstrip("0"))
    return f"{digits[:-zeros]}e{zeros}" if 2 < zeros < len(digits) else digits


def _without_brackets(tokens: Sequence[str]) -> list[str]:
    """Write ``one => …`` for ``(one) => …``, and no brackets around a name, as casts leave them."""
    said: list[str] = []
    for text in tokens:
        said.append(text)
        match said[-5:]:
            case [*_, "(", name, ")", "=>"] if name.isidentifier():
                said[-4:] = [name, "=>"]
            case ["return" | "=" | "," | "[" | "?" | ":", "(", name, ")", after] if (
                after != "=>" and name.isidentifier()
            ):
                said[-4:] = [name, after]
    return said


def join_declarations(tokens: Sequence[str]) -> list[str]:
    """Write ``let one = 1, two = 2;`` for two statements, where one follows the other."""
    said: list[str] = []
    declares = [False]
    for before, text in zip(["", *tokens], tokens, strict=False):
        if text in ("{", "(", "[") or text.endswith("${"):
            declares.append(False)
        if text[0] in ")]}":
            declares.pop()
        if text == "let" and before == ";" and declares[-1]:
            said[-1] = ","
            continue
        if before in (";", "{", "}", "") and text != "=":
            declares[-1] = text == "let"
        said.append(text)
    return said
