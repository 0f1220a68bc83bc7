"""Everything a plugin may do, on one page.

A plugin is an installed distribution with an entry point in the group ``mishkah`` that names a
module (or an object) with functions decorated by ``mishkah.hookimpl``. Each hook is called once,
when the server starts; what it returns is checked there, and a plugin that fails is named. On the
hot path only the collected functions run, never the hooks.
"""

from collections.abc import Mapping, Sequence
from importlib.resources.abc import Traversable

import pluggy

from mishkah.core.judging import Validator
from mishkah.core.sequences import MakeFormat

GROUP = "mishkah"
"""The entry points' group, and the plugins' project name for pluggy."""

hookspec = pluggy.HookspecMarker(GROUP)
hookimpl = pluggy.HookimplMarker(GROUP)


@hookspec
def register_modules() -> Mapping[str, Traversable]:  # type: ignore[empty-body]
    """Return the modules that this package brings: module id → its folder.

    The folder holds ``schema/definition.json`` and may hold ``seeds/initial.json``, in the formats
    of a branch's own module folder. A branch's own file wins over the package's.
    """


@hookspec
def register_validators(module: str) -> Mapping[str, Sequence[Validator]]:  # type: ignore[empty-body]
    """Return the validators of *module*: table → functions ``(new, old, view) -> None``.

    They run for every row that a command inserts (*old* is None) or updates, after all changes of
    the command are drawn, so that a transaction is judged as a whole. *view* is the store as the
    command would leave it (`mishkah.View`). A validator refuses by raising `mishkah.Invalid`;
    anything else that it raises costs that one command, with PLUGIN_FAILED. It must not block:
    it runs on the event loop.
    """


@hookspec
def register_sequence_formats() -> Mapping[str, MakeFormat]:  # type: ignore[empty-body]
    """Return formats that a rule of ``sequence-rules.json`` may name in its ``format``.

    name → a function ``(rule, branch) -> SequenceFormat``; names look like ``gym.member_code``.
    """
