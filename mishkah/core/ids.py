"""Names of branches and modules: what they may be, and how they are spelled on disk."""

import re

_ID = re.compile(r"[a-z0-9][a-z0-9_.:-]{0,63}", re.ASCII)


def is_id(text: str) -> bool:
    """Tell whether *text* may name a branch or a module.

    1-64 characters of ``a-z 0-9 _ . : -``, a letter or digit first, and never ``..``: so no id
    can leave its folder.
    """
    return _ID.fullmatch(text) is not None and ".." not in text


def folder_name(identifier: str) -> str:
    """Return the folder's name for *identifier*: ``:`` is not safe in a file name everywhere."""
    return identifier.replace(":", "%3A")


def from_folder_name(name: str) -> str:
    """Return the identifier whose folder is called *name* (it may not be a valid one)."""
    return name.replace("%3A", ":")


class StoreId(tuple[str, str]):
    """The name of one store: a branch and a module."""

    __slots__ = ()

    def __new__(cls, branch: str, module: str) -> "StoreId":
        return super().__new__(cls, (branch, module))

    @property
    def branch(self) -> str:
        return self[0]

    @property
    def module(self) -> str:
        return self[1]

    def __str__(self) -> str:
        return f"{self[0]}/{self[1]}"
