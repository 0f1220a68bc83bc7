"""What an installation has: branches, modules and plugins, as plain values to be shown."""

from collections.abc import Iterator
from importlib.metadata import EntryPoint
from typing import Any

from mishkah.catalog import Catalog
from mishkah.core.ids import StoreId
from mishkah.jsonfile import BadFile
from mishkah.plugins import BrokenPlugin, collect, installed
from mishkah.watchdog import Watchdog

Line = dict[str, Any]


def branches(catalog: Catalog) -> Iterator[Line]:
    """Yield the listed branches, then the patterns."""
    config = catalog.branches
    for name, branch in config.branches.items():
        yield {
            "branch": name,
            "label": branch.label,
            "modules": list(config.modules_of(name) or ()),
            "timezone": branch.timezone or config.timezone,
            "kind": "default" if name == config.first else "listed",
        }
    for pattern in config.patterns:
        yield {
            "branch": pattern.match,
            "label": "",
            "modules": list(pattern.modules),
            "timezone": pattern.timezone or config.timezone,
            "kind": "pattern",
        }


def modules(catalog: Catalog) -> Iterator[Line]:
    """Yield each module of each listed branch; *problem* says why its schema can't be used."""
    packages = {module: name for line in plugins() for module in line["modules"]
                for name in [line["distribution"]]}  # fmt: skip
    for store in catalog.listed:
        module = catalog.module(store.module)
        line: Line = {
            "branch": store.branch,
            "module": store.module,
            "label": module.label,
            "schema": _source(catalog, store, module.schema_path, packages),
            "seeds": _source(catalog, store, module.seed_path, packages),
            "tables": None,
            "problem": "",
        }
        try:
            line["tables"] = len(catalog.recipe(store).rules.schema.tables)
        except BadFile as bad:
            line["problem"] = str(bad)
        yield line


def _source(catalog: Catalog, store: StoreId, path: str, packages: dict[str, str]) -> str | None:
    """Return where a module's file comes from: a path in the data folder, or a package's name."""
    own = catalog.folder(store) / path
    if own.is_file():
        return str(own.relative_to(catalog.data))
    package = catalog.plugins.modules.get(store.module)
    if package is not None and package.joinpath(*path.split("/")).is_file():
        return f"package {packages.get(store.module, store.module)}"
    return None


def plugins(named: frozenset[str] = frozenset()) -> Iterator[Line]:
    """Yield each installed plugin and what it brings; *named* are modules to ask validators for.

    One that is broken says so in *problem*.
    """
    for point in installed():
        yield _plugin(point, named)


def _plugin(point: EntryPoint, named: frozenset[str]) -> Line:
    line: Line = {
        "plugin": point.name,
        "distribution": point.dist.name if point.dist else point.value,
        "version": point.dist.version if point.dist else None,
        "modules": [],
        "validators": [],
        "formats": [],
        "problem": "",
    }
    try:
        brought = collect([point], named, Watchdog())
    except BrokenPlugin as broken:
        return {**line, "problem": broken.why}
    validated = [f"{m}.{table}" for m, tables in brought.validators.items() for table in tables]
    return {
        **line,
        "modules": sorted(brought.modules),
        "validators": sorted(validated),
        "formats": sorted(brought.formats),
    }
