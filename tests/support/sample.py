"""The sample installation as the pages use it, and what of its answers is the same in each run."""

from typing import Any

from mishkah.catalog import Catalog
from mishkah.plugins import Plugins, collect, installed
from mishkah.watchdog import Watchdog
from support.server import SAMPLE

SAME = {
    *("type", "code", "ref", "path", "rule", "dup"),
    *("branch", "module", "table", "operation", "id"),
}
"""The keys whose values must be those of the page; other values only have the same type."""


def sample_plugins() -> Plugins:
    return collect(installed(), Catalog(SAMPLE, Plugins()).named_modules, Watchdog())


def shape(value: Any, key: str = "") -> Any:
    """Return *value* with what may differ from run to run put away."""
    if isinstance(value, dict):
        return {name: shape(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [shape(inner) for inner in value]
    return value if key in SAME else type(value).__name__
