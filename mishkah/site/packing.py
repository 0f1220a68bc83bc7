"""The browser client's modules as one: what a page needs to load is one answer, and a small one.

They are read and changed as they stand in ``mishkah/web/client``, with their comments and types.
Pages get them without, joined in the order in which they need each other. That is possible since
they keep the house's style, which a test holds: every statement ends with a semicolon, every import
is a line of names from a neighbour, and no two modules give one name to two things.
"""

import re
from collections.abc import Iterable, Iterator, Mapping

from mishkah.site.properties import hide
from mishkah.site.renaming import rename
from mishkah.site.shortening import join_declarations, shorten

_IMPORT = re.compile(r'^import \{[^}]*\} from "\./([\w.]+)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=\w)", re.MULTILINE)
_TOKEN = re.compile(
    r"""(?P<space>(?:/\*.*?\*/|//[^\n]*|\s)+)
      |(?P<template>`(?:[^`\\]|\\.)*`)
      |"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'
      |(?<=[(,=!&|?:>\[{};\s])/(?![*/\s])(?:[^/\\\[\n]|\\.|\[(?:[^\]\\]|\\.)*\])+/[a-z]*
      |[\w$#]+|\.\.\.|=>|\+\+|--|.""",
    re.DOTALL | re.VERBOSE,
)
_HOLE = re.compile(r"(?<=\$\{)[^}]*(?=\})")


def pack(modules: Mapping[str, str], entry: str) -> str:
    """Return one module that is *entry* and all that it imports."""
    pieces = []
    for name in _order(modules, entry):
        bare = _IMPORT.sub("", modules[name])
        pieces.append(bare if name == entry else _EXPORT.sub("", bare))
    return _squeeze(join_declarations(rename(hide(shorten([*_tokens("".join(pieces))])))))


def _order(modules: Mapping[str, str], name: str, seen: set[str] | None = None) -> Iterator[str]:
    """Yield *name* after all that it imports, each once."""
    seen = set() if seen is None else seen
    seen.add(name)
    for imported in _IMPORT.findall(modules[name]):
        if imported not in seen:
            yield from _order(modules, imported, seen)
    yield name


def _tokens(source: str) -> Iterator[str]:
    """Yield what *source* is made of, without comments and white space; templates in pieces."""
    for token in _TOKEN.finditer(source):
        if token.lastgroup == "template":
            end = 0
            for hole in _HOLE.finditer(token[0]):
                yield token[0][end : hole.start()]
                yield from _tokens(hole[0])
                end = hole.end()
            yield token[0][end:]
        elif token.lastgroup != "space":
            yield token[0]


def _squeeze(tokens: Iterable[str]) -> str:
    """Return *tokens* as a script: with white space only where two would be another one without,
    and without signs before the end of a block or list.
    """
    said = [""]
    for text in tokens:
        if said[-1] + text in (";}", ",}", ",)", ",]"):
            said.pop()
        if _touch(said[-1][-1:], text[0]):
            said.append(" ")
        said.append(text)
    return "".join(said) + "\n"


def _touch(before: str, after: str) -> bool:
    """Tell whether two tokens would be another one without white space between them."""
    wordy = [bool(re.match(r"[\w$#]", one)) for one in (before, after)]
    return all(wordy) or (before == after and before in "+-")
