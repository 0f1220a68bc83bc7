"""The guide's checklist for a new module or plugin, done: nothing that is there is overwritten."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

import msgspec

from mishkah.catalog import BRANCHES, MODULES, SEQUENCES, Catalog
from mishkah.core.config import SequenceRules
from mishkah.core.ids import StoreId, folder_name, is_id
from mishkah.plugins import Plugins
from mishkah.scaffolds import module as first
from mishkah.scaffolds import plugin
from mishkah.scaffolds.jsontext import with_element, with_member

_PLUGIN = re.compile(r"[a-z][a-z0-9_]{0,40}", re.ASCII)


class Refusal(Exception):
    """What was asked for can't be made; says why. Nothing was written."""


class Made(msgspec.Struct, frozen=True):
    """The *files* that were written, and those that have *changed*."""

    files: list[Path]
    changed: list[Path]


def new_module(data: Path, branch: str, module: str, taken: Plugins, at: str) -> Made:
    """Make *module* in *data* for *branch*, which may be new, as *data* may be.

    *taken* are the installed plugins, whose modules have their names already. Raises Refusal,
    BadFile or OSError.
    """
    for what, name in (("branch", branch), ("module", module)):
        if not is_id(name):
            raise Refusal(f"{name!r} can't name a {what}: 1-64 of a-z 0-9 _ . : -, no two dots")
    texts = {name: _text(data / name, empty) for name, empty in _EMPTY.items()}
    if not (data / BRANCHES).exists():
        return _write(data, branch, module, at, _configured(texts, branch, module, None))
    catalog = Catalog(data, Plugins())
    if module in catalog.named_modules or module in taken.modules:
        raise Refusal(f"There is already a module {module}; give the branch this one, or another")
    if branch not in catalog.branches.branches and catalog.branches.modules_of(branch):
        raise Refusal(f"{branch} is opened by a pattern; list it in {BRANCHES} first")
    if catalog.folder(StoreId(branch, module)).exists():
        raise Refusal(f"There is already a folder {catalog.folder(StoreId(branch, module))}")
    return _write(data, branch, module, at, _configured(texts, branch, module, catalog))


_EMPTY = {BRANCHES: '{"branches": {}}', MODULES: '{"modules": {}}', SEQUENCES: '{"branches": {}}'}


def _text(path: Path, otherwise: str) -> str:
    return path.read_bytes().decode() if path.exists() else _pretty(json.loads(otherwise))


def _pretty(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"


def _configured(
    texts: Mapping[str, str], branch: str, module: str, catalog: Catalog | None
) -> dict[str, str]:
    """Return the three files with the module in them."""
    branches = texts[BRANCHES]
    listed = catalog.branches.branches.get(branch) if catalog is not None else None
    if listed is None:
        value = {"label": branch, "modules": [module]}
        branches = with_member(branches, ["branches"], branch, value)
    elif listed.modules is None:
        assert catalog is not None
        both = [*catalog.branches.defaults, module]
        branches = with_member(branches, ["branches", branch], "modules", both)
    else:
        branches = with_element(branches, ["branches", branch, "modules"], module)
    modules = with_member(texts[MODULES], ["modules"], module, first.entry(module))
    table, field = first.NUMBERED
    rules = catalog.sequences if catalog is not None else SequenceRules()
    sequences = texts[SEQUENCES]
    if module not in rules.branches.get(branch, {}):
        rule = {table: {field: first.CODE_RULE}}
        sequences = with_member(sequences, ["branches", branch], module, rule)
    return {MODULES: modules, SEQUENCES: sequences, BRANCHES: branches}


def _write(data: Path, branch: str, module: str, at: str, configured: Mapping[str, str]) -> Made:
    data.mkdir(parents=True, exist_ok=True)
    folder = data / "branches" / folder_name(branch) / "modules" / folder_name(module)
    made = _write_new(
        folder,
        {
            "schema/definition.json": _pretty(first.definition(module)),
            "seeds/initial.json": _pretty(first.seeds(branch, module, at)),
            "live/data.json": _pretty(first.live(branch, module, at)),
        },
    )
    changed: list[Path] = []
    for name, text in configured.items():  # the branches last: what they name is there then
        path = data / name
        (changed if path.exists() else made).append(path)
        draft = path.with_name(f"{name}.new")
        draft.write_bytes(text.encode())
        draft.replace(path)
    return Made(made, changed)


def new_plugin(into: Path, name: str) -> Made:
    """Make the plugin *name* in a new folder of *into*. Raises Refusal or OSError."""
    if not _PLUGIN.fullmatch(name):
        raise Refusal(f"{name!r} can't name a plugin: a-z, then a-z 0-9 and _, at most 41")
    folder = into / f"mishkah-{name.replace('_', '-')}"
    if folder.exists():
        raise Refusal(f"There is already a folder {folder}")
    return Made(_write_new(folder, plugin.files(name)), [])


def _write_new(folder: Path, files: Mapping[str, str]) -> list[Path]:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            file.write(text.encode())
    return [folder / name for name in files]
