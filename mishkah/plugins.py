"""Installed plugins, collected once into plain values; the hooks are never called again."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.metadata import EntryPoint, entry_points
from importlib.resources.abc import Traversable
from typing import Any, NoReturn

import msgspec
import pluggy

from mishkah import hookspecs
from mishkah.core.draft import View
from mishkah.core.errors import Invalid, PluginFailed
from mishkah.core.judging import Validator
from mishkah.core.schema import Row
from mishkah.core.sequences import MakeFormat, Rule, SequenceFormat
from mishkah.watchdog import Watchdog

log = logging.getLogger(__name__)


class BrokenPlugin(Exception):
    """A plugin that can't be used: its name, and why."""

    def __init__(self, plugin: str, why: str) -> None:
        self.plugin = plugin
        self.why = why
        super().__init__(f"plugin {plugin}: {why}")


class Plugins(msgspec.Struct, frozen=True, kw_only=True):
    """What the installed plugins bring."""

    names: tuple[str, ...] = ()
    modules: Mapping[str, Traversable] = {}
    formats: Mapping[str, MakeFormat] = {}
    validators: Mapping[str, Mapping[str, tuple[Validator, ...]]] = {}
    """module → table → functions"""


def installed() -> Iterable[EntryPoint]:
    """Return the entry points of every installed plugin, in the order of their names."""
    return sorted(entry_points(group=hookspecs.GROUP), key=lambda point: point.name)


def collect(found: Iterable[EntryPoint], modules: Iterable[str], watchdog: Watchdog) -> Plugins:
    """Load plugins and ask each hook once; *modules* are those that the installation names too.

    Raises BrokenPlugin, naming it, for one that can't be imported, misspells a hook, raises, or
    returns something else than its hook says.
    """
    manager = pluggy.PluginManager(hookspecs.GROUP)
    manager.add_hookspecs(hookspecs)
    plugins = {point.name: _load(manager, point) for point in found}
    brought: dict[str, Traversable] = {}
    formats: dict[str, MakeFormat] = {}
    for name, plugin in plugins.items():
        for module, folder in _ask(manager, name, plugin, "register_modules").items():
            _once(name, "module", module, brought)
            if not isinstance(folder, Traversable):
                raise BrokenPlugin(name, f"register_modules: {module!r} does not lead to a folder")
            brought[module] = folder
        for title, make in _ask(manager, name, plugin, "register_sequence_formats").items():
            _once(name, "sequence format", title, formats)
            if not callable(make):
                raise BrokenPlugin(name, f"register_sequence_formats: {title!r} is no function")
            formats[title] = _guarded_format(name, make, watchdog)
    validators = {
        module: _validators(manager, plugins, module, watchdog) for module in {*brought, *modules}
    }
    return Plugins(names=tuple(plugins), modules=brought, formats=formats, validators=validators)


def _load(manager: pluggy.PluginManager, point: EntryPoint) -> object:
    try:
        plugin = point.load()
    except BaseException as error:  # the border of a plugin's code
        raise BrokenPlugin(point.name, f"can't be imported: {error!r}") from error
    try:
        manager.register(plugin, name=point.name)
        manager.check_pending()
    except (pluggy.PluginValidationError, ValueError) as error:
        raise BrokenPlugin(point.name, str(error)) from error
    return plugin


def _ask(
    manager: pluggy.PluginManager, name: str, plugin: object, hook: str, **arguments: str
) -> Mapping[str, Any]:
    """Call *hook* of one plugin only, so that what is wrong with it has a name."""
    others = [other for other in manager.get_plugins() if other is not plugin]
    try:
        answers = manager.subset_hook_caller(hook, others)(**arguments)
    except BaseException as error:  # the border of a plugin's code
        raise BrokenPlugin(name, f"{hook} raised {error!r}") from error
    answer = answers[0] if answers else {}
    if not isinstance(answer, Mapping) or not all(isinstance(key, str) for key in answer):
        raise BrokenPlugin(name, f"{hook} must return a mapping from names")
    return answer


def _once(plugin: str, what: str, name: str, known: Mapping[str, object]) -> None:
    if name in known:
        raise BrokenPlugin(plugin, f"another plugin already has the {what} {name!r}")


def _validators(
    manager: pluggy.PluginManager, plugins: Mapping[str, object], module: str, watchdog: Watchdog
) -> Mapping[str, tuple[Validator, ...]]:
    tables: dict[str, tuple[Validator, ...]] = {}
    for name, plugin in plugins.items():
        answer = _ask(manager, name, plugin, "register_validators", module=module)
        for table, functions in answer.items():
            if not isinstance(functions, Sequence) or not all(map(callable, functions)):
                raise BrokenPlugin(name, f"register_validators: {table!r} has no list of functions")
            guarded = tuple(_guarded(name, function, watchdog) for function in functions)
            tables[table] = (*tables.get(table, ()), *guarded)
    return tables


def _bounded(
    watchdog: Watchdog,
    title: str,
    function: Callable[..., object],
    *arguments: object,
    may_raise: tuple[type[Exception], ...] = (),
) -> object:
    """Call a plugin's *function*; whatever else than *may_raise* it raises costs one command.

    Even what means to end a task or a process: nothing here awaits, so it is the plugin's own.
    """
    watchdog.enter(title)
    try:
        return function(*arguments)
    except may_raise:
        raise
    except BaseException as error:
        log.exception("%s failed", title)
        raise PluginFailed from error
    finally:
        watchdog.leave()


def _guarded(plugin: str, validator: Validator, watchdog: Watchdog) -> Validator:
    """Return *validator* so that it can refuse, but neither break the house nor hang unnamed."""
    title = f"plugin {plugin}: {getattr(validator, '__name__', repr(validator))}"

    def run(new: Row, old: Row | None, view: View) -> None:
        try:
            answer = _bounded(watchdog, title, validator, new, old, view, may_raise=(Invalid,))
        except Invalid as no:  # it may be a subclass that was never filled in
            plain = _bounded(watchdog, title, _plain, no)
            assert isinstance(plain, Invalid)
            raise plain from no
        if answer is not None:  # False meant to refuse, and a coroutine has not even begun
            log.error("%s returned %r; a validator returns None or raises", title, answer)
            raise PluginFailed

    return run


def _plain(no: Invalid) -> Invalid:
    return Invalid(no.text.en, field=no.field, ar=no.text.ar)


def _guarded_format(plugin: str, make: MakeFormat, watchdog: Watchdog) -> MakeFormat:
    return lambda rule, branch: _Form(plugin, make, watchdog, rule, branch)


class _Form:
    """A plugin's sequence format whose rubbish costs one command."""

    def __init__(
        self, plugin: str, make: MakeFormat, watchdog: Watchdog, rule: Rule, branch: str
    ) -> None:
        self._plugin = plugin
        self._title = f"plugin {plugin}: a sequence format"
        self._watchdog = watchdog
        try:
            form: SequenceFormat = make(rule, branch)
            self._form, self.shows = form, str(form.shows)
        except BaseException as error:  # the border of a plugin's code
            raise ValueError(f"plugin {plugin} does not take this rule: {error!r}") from error

    def format(self, number: int, period: str) -> str:
        text = _bounded(self._watchdog, self._title, self._form.format, number, period)
        read = self.parse(text) if isinstance(text, str) else None
        if read is None or read[0] != number or not period.startswith(read[1]):
            self._fail(f"format({number}, {period!r}) returned {text!r}, which reads as {read!r}")
        return str(text)

    def parse(self, text: str) -> tuple[int, str] | None:
        read = _bounded(self._watchdog, self._title, self._form.parse, text)
        match read:
            case None:
                return None
            case (int(number), str(period)):
                return number, period
            case _:
                return self._fail(f"parse({text!r}) returned {read!r}")

    def _fail(self, why: str) -> NoReturn:
        log.error("plugin %s: %s", self._plugin, why)
        raise PluginFailed
