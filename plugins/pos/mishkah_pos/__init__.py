"""The point of sale of Mishkah: a restaurant from the menu to the drawer, and its rules."""

from collections.abc import Mapping, Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable

from mishkah import MakeFormat, Validator, hookimpl
from mishkah_pos.formats import FORMATS
from mishkah_pos.validators import VALIDATORS


@hookimpl
def register_modules() -> Mapping[str, Traversable]:
    return {"pos": files("mishkah_pos") / "module"}


@hookimpl
def register_validators(module: str) -> Mapping[str, Sequence[Validator]]:
    return VALIDATORS if module == "pos" else {}


@hookimpl
def register_sequence_formats() -> Mapping[str, MakeFormat]:
    return FORMATS
