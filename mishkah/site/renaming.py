"""Short names for what a script keeps to itself: no person reads what a page loads.

Nobody has to know from where to where a name is valid. What the module declares gets one new name
wherever it stands, a capital letter. All else of one name does so in one member of a class, or one
function of the module: small letters; so do private names in a class. What is not the script's own
stays as it is: properties, exported names, and what the language and the browser have, which is
listed here. What is missing in the list is nowhere to be found when the script runs: a test looks
for each name.
"""

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Sequence
from itertools import product
from string import ascii_lowercase, ascii_uppercase


def listed(names: str) -> frozenset[str]:
    return frozenset(names.split())


WORLD = listed(
    """
    AbortController Array BroadcastChannel Date Error IDBKeyRange Infinity JSON Map Math Number
    Object Promise RegExp Set String TextEncoder TypeError URL Uint32Array WebSocket clearInterval
    clearTimeout crypto encodeURIComponent fetch globalThis indexedDB performance queueMicrotask
    requestAnimationFrame setInterval setTimeout
    """
)
"""What the browser client has from the language and the browser."""

WORDS = listed(
    """
    as async await break case catch class const continue default delete do else export extends
    false finally for from function get if import in instanceof let new null of return set static
    super switch this throw true try typeof var void while with yield
    """
)
_NAME = "name"
_BOTH = "both"
"""A property and a name in one: ``{ one }``."""


def rename(tokens: Sequence[str]) -> list[str]:
    """Return *tokens*, which are no comments and no white space, with short names."""
    said: list[str] = []
    roles = list(_roles(tokens))
    declared = _declared(tokens, roles)
    for begin, end in _parts(tokens):
        part, part_roles = tokens[begin:end], roles[begin:end]
        if "class" in part:
            private: dict[str, str] = {}
            names = letters(ascii_lowercase)
        short = declared | _short_names(part, part_roles, declared)
        for text, role in zip(part, part_roles, strict=True):
            if text.startswith("#"):
                if text not in private:
                    private[text] = f"#{next(names)}"
                text = private[text]
            said.append(short.get(text, text) if role else text)
    return said


def _declared(tokens: Sequence[str], roles: Sequence[str]) -> dict[str, str]:
    """Return names for what the module declares: new ones, but for what others know by it."""
    names = Counter(text for text, role in zip(tokens, roles, strict=True) if role)
    both = {text for text, role in zip(tokens, roles, strict=True) if role == _BOTH}
    ours: dict[str, bool] = {}
    depth = 0
    exported = False
    for before, text in zip(["", *tokens], tokens, strict=False):
        depth += _opens(text) - _closes(text)
        exported = text == "export" or (exported and text not in ("{", ";"))
        if not depth and before in ("const", "let", "function", "class"):
            ours[text] = exported or text in both
    free = letters(ascii_uppercase, names)
    some = (name for name, _ in names.most_common() if name in ours)
    return {name: name if ours[name] else next(free) for name in some}


def _short_names(
    tokens: Sequence[str], roles: Sequence[str], declared: Iterable[str]
) -> dict[str, str]:
    """Return new names for those of a part that are no properties too: compressed, it is the same
    to say both, ``{ one: a }``.
    """
    names = {text: 0 for text, role in zip(tokens, roles, strict=True) if role}
    both = {text for text, role in zip(tokens, roles, strict=True) if role == _BOTH}
    ours = [one for one in names if len(one) > 1 and one not in {*declared, *WORLD, *both}]
    stay = {*names, *WORDS}.difference(ours)
    free = letters(ascii_lowercase, stay)
    return dict(zip(ours, free, strict=False))


def letters(alphabet: str, taken: Container[str] = ()) -> Iterator[str]:
    """Yield names of one letter, and then of two, but for those that are *taken*."""
    for size in (1, 2):
        for name in map("".join, product(alphabet, *[ascii_lowercase] * (size - 1))):
            if name not in taken:
                yield name


def _parts(tokens: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Yield from where to where each part is: no name that a part declares is known in another."""
    begin = depth = 0
    of_class = False
    for end, text in enumerate(tokens, 1):
        of_class |= text == "class" and not depth
        depth += _opens(text) - _closes(text)
        head = of_class and text == "{" and depth == 1
        if head or (text in (";", "}") and depth <= of_class):
            yield begin, end
            begin = end
            of_class &= depth > 0


def _roles(tokens: Sequence[str]) -> Iterator[str]:
    """Yield of each token whether it is a name, or both; other tokens have no role."""
    inside = [""]
    of_class = False
    for before, text, after in zip(["", *tokens], tokens, [*tokens[1:], ""], strict=False):
        if _closes(text):
            inside.pop()
        if _opens(text):
            kind = "class" if of_class else _brace_after(before)
            inside.append(kind if text == "{" else text)
        of_class = text == "class" or (of_class and text != "{")
        is_name = (text[0].isalpha() or text[0] in "_$") and text not in WORDS and before != "."
        yield _role(before, after, inside[-1]) if is_name else ""


def _opens(text: str) -> bool:
    return text in ("{", "(", "[") or text.endswith("${")


def _closes(text: str) -> bool:
    return text[0] in ")]}"


def _brace_after(before: str) -> str:
    """Tell what begins with a brace after *before*: statements, or what an object has."""
    starts = ("", ")", ";", "{", "}", "=>", "else", "try", "finally", "do", "catch")
    return "block" if before in starts else "object"


def _role(before: str, after: str, inside: str) -> str:
    """Tell what a word is by its neighbours and the brackets that it is in."""
    first = before in ("{", ",", "}", ";", "async", "get", "set", "static")
    if inside == "class" and first:
        return ""
    if inside == "object" and first:
        return _BOTH if after in (",", "}", "=") else ""
    return _NAME
