"""The gym module of Mishkah: its tables and first rows, what they must obey, its receipts."""

from collections.abc import Mapping, Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable

from mishkah import MakeFormat, Validator, hookimpl
from mishkah_gym.formats import FORMATS
from mishkah_gym.validators import VALIDATORS


@hookimpl
def register_modules() -> Mapping[str, Traversable]:
    return {"gym": files("mishkah_gym") / "module"}


@hookimpl
def register_validators(module: str) -> Mapping[str, Sequence[Validator]]:
    return VALIDATORS if module == "gym" else {}


@hookimpl
def register_sequence_formats() -> Mapping[str, MakeFormat]:
    return FORMATS
