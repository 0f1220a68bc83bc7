"""The browser client's modules as one: what a page needs to load is one answer, and a small one.

They are read and changed as they stand in ``mishkah/web/client``, with their comments and types.
Pages get them without, joined in the order in which they need each other. That is possible since
they keep the house's style, which a test holds: every statement ends with a semicolon, every import
is a line of names from a neighbour, and no two modules give one name to two things.
"""

import re
from collections.abc import Iterator, Mapping
from itertools import product
from string import ascii_lowercase

_IMPORT = re.compile(r'^import \{[^}]*\} from "\./([\w.]+)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=\w)", re.MULTILINE)
_TOKEN = re.compile(
    r"""(?P<comment>/\*.*?\*/|//[^\n]*)
      |(?P<whole>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`
        |(?<=[(,=!&|?:>\[{};])\s*/(?![*/])(?:[^/\\\[\n]|\\.|\[(?:[^\]\\]|\\.)*\])+/[a-z]*)
      |(?P<space>\s+)|(?P<word>[\w$#]+)|(?P<sign>.)""",
    re.DOTALL | re.VERBOSE,
)


def pack(modules: Mapping[str, str], entry: str) -> str:
    """Return one module that is *entry* and all that it imports."""
    pieces = []
    for name in _order(modules, entry):
        bare = _IMPORT.sub("", modules[name])
        pieces.append(bare if name == entry else _EXPORT.sub("", bare))
    return _squeeze("".join(pieces))


def _order(modules: Mapping[str, str], name: str, seen: set[str] | None = None) -> Iterator[str]:
    """Yield *name* after all that it imports, each once."""
    seen = set() if seen is None else seen
    seen.add(name)
    for imported in _IMPORT.findall(modules[name]):
        if imported not in seen:
            yield from _order(modules, imported, seen)
    yield name


def _squeeze(source: str) -> str:
    """Return *source* without what it does not need, comments, white space and signs before the end
    of a block or list, and with private names, which nobody else can use, of a letter or two.
    """
    short: dict[str, str] = {}
    letters = ("#" + "".join(some) for n in (1, 2) for some in product(ascii_lowercase, repeat=n))
    said = [""]
    apart = False
    for token in _TOKEN.finditer(source):
        kind, text = token.lastgroup, token[0]
        if kind in ("comment", "space"):
            apart = True
            continue
        if kind == "word" and text.startswith("#"):
            if text not in short:
                short[text] = next(letters)
            text = short[text]
        if said[-1] + text in (";}", ",}", ",)", ",]"):
            said.pop()
        if apart and _touch(said[-1][-1:], text[0]):
            said.append(" ")
        said.append(text.lstrip() if kind == "whole" else text)
        apart = False
    return "".join(said) + "\n"


def _touch(before: str, after: str) -> bool:
    """Tell whether two tokens would be another one without white space between them."""
    wordy = [bool(re.match(r"[\w$#]", one)) for one in (before, after)]
    return all(wordy) or (before == after and before in "+-")
