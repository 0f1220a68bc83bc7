"""JSON Schemas (2020-12) of the files that people write, made from the values they are read into.

An editor that knows them completes keys and marks mistakes while the file is written; what only
the whole installation can tell, `check` says.
"""

import inspect
from collections.abc import Mapping
from typing import Any

import msgspec

from mishkah.core.access import Access
from mishkah.core.config import Branches, Modules, SequenceRules
from mishkah.core.definition import Definition
from mishkah.core.seeding import Live, Seeds
from mishkah.core.values import READERS

_KINDS = {
    "branches": Branches,
    "modules": Modules,
    "sequences": SequenceRules,
    "access": Access,
    "definition": Definition,
    "seeds": Seeds,
    "live": Live,
}


def editor_schemas() -> Mapping[str, bytes]:
    """Return file name → JSON Schema, for each kind of file."""
    return {f"{name}.schema.json": _schema(kind) for name, kind in _KINDS.items()}


def _schema(kind: type) -> bytes:
    schema: dict[str, Any] = msgspec.json.schema(kind)
    for part in schema["$defs"].values():
        if "description" in part:  # Python 3.13 dedents docstrings by itself
            part["description"] = inspect.cleandoc(part["description"])
    rules = schema["$defs"].get("FieldRules")
    if rules is not None:  # which types there are, the reading code knows and the class does not
        rules["properties"]["type"]["enum"] = list(READERS)
    whole = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
    return msgspec.json.format(msgspec.json.encode(whole), indent=2) + b"\n"
