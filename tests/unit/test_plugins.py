"""Plugins are asked once, at the start, and one that can't be used is named; later, one command."""

import sys
from asyncio import CancelledError
from collections.abc import Callable, Iterable
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from mishkah import Invalid, Rule, Template, hookimpl
from mishkah.core import wire
from mishkah.core.draft import View
from mishkah.core.errors import PluginFailed, Refused
from mishkah.core.sequences import make_sequence
from mishkah.plugins import BrokenPlugin, Plugins, collect
from mishkah.watchdog import Watchdog

Publish = Callable[..., EntryPoint]


@pytest.fixture
def publish(monkeypatch: pytest.MonkeyPatch) -> Publish:
    """Return a function that makes an importable plugin *name* of some functions."""

    def make(name: str, *functions: Any, hooks: bool = True, **renamed: Any) -> EntryPoint:
        module = ModuleType(f"fake_plugin_{name}")
        named = {function.__name__: function for function in functions} | renamed
        for title, function in named.items():
            setattr(module, title, hookimpl(function) if hooks else function)
        monkeypatch.setitem(sys.modules, module.__name__, module)
        return EntryPoint(name, module.__name__, "mishkah")

    return make


def gather(*points: EntryPoint, modules: Iterable[str] = ("m",)) -> Plugins:
    return collect(points, modules, Watchdog())


def broken(*points: EntryPoint) -> BrokenPlugin:
    with pytest.raises(BrokenPlugin) as caught:
        gather(*points)
    assert caught.value.plugin in str(caught.value)
    return caught.value


def answers(value: Any) -> Callable[..., Any]:
    """Return a hook that takes nothing and returns *value*."""
    return lambda: value


def checks(value: Any) -> Callable[..., Any]:
    """Return a `register_validators` that returns *value*."""
    return lambda module: value


def fine(new: Any, old: Any, view: View) -> None:
    pass


def test_what_plugins_bring_is_collected_in_the_order_of_their_names(
    publish: Publish, tmp_path: Path
) -> None:
    asked: list[str] = []

    def register_validators(module: str) -> Any:
        asked.append(module)
        return {"t": [fine]} if module == "m" else {}

    a = publish("a", register_validators, register_modules=answers({"x": tmp_path}))
    b = publish(
        "b",
        register_validators=checks({"t": (fine, fine)}),
        register_sequence_formats=answers(
            {"b.f": lambda rule, branch: Template("{number}", "", "")}
        ),
    )
    plugins = gather(a, b, publish("empty"))
    assert plugins.names == ("a", "b", "empty")
    assert plugins.modules == {"x": tmp_path}
    assert set(plugins.formats) == {"b.f"}
    assert sorted(asked) == ["m", "x"]
    assert {module: len(tables["t"]) for module, tables in plugins.validators.items()} == {
        "m": 3, "x": 2
    }  # fmt: skip


def test_an_undecorated_function_is_no_hook(publish: Publish) -> None:
    plugins = gather(publish("a", hooks=False, register_modules=answers("rubbish")))
    assert plugins.modules == {}


def test_a_plugin_that_can_not_be_imported_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "imported" in broken(EntryPoint("lost", "no_such_module_xyz", "mishkah")).why
    monkeypatch.setitem(sys.modules, "fake_plugin_here", ModuleType("fake_plugin_here"))
    no = broken(EntryPoint("half", "fake_plugin_here:nothing", "mishkah"))
    assert (no.plugin, "imported" in no.why) == ("half", True)


def test_a_plugin_that_fails_while_it_is_imported_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "fake_plugin_syntax.py").write_text("def (", "utf-8")
    (tmp_path / "fake_plugin_zero.py").write_text("1 / 0", "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("syntax", "zero"):
        assert broken(EntryPoint(name, f"fake_plugin_{name}", "mishkah")).plugin == name


def test_a_plugin_that_exits_while_it_is_asked_is_named(publish: Publish) -> None:
    def register_modules() -> Any:
        raise SystemExit("I give up")

    broken(publish("quits", register_modules))


def test_a_misspelt_hook_is_named(publish: Publish) -> None:
    no = broken(publish("good"), publish("bad", register_validator=checks({})))
    assert (no.plugin, "register_validator" in no.why) == ("bad", True)


def test_a_hook_with_other_arguments_is_named(publish: Publish) -> None:
    def register_validators(modul: str) -> Any:
        return {}

    no = broken(publish("bad", register_validators))
    assert (no.plugin, "modul" in no.why) == ("bad", True)


@pytest.mark.parametrize(
    "hook", ["register_modules", "register_validators", "register_sequence_formats"]
)
def test_a_hook_that_raises_is_named(publish: Publish, hook: str) -> None:
    def raises() -> Any:
        raise RuntimeError("boom")

    no = broken(publish("good"), publish("bad", **{hook: raises}))
    assert no.plugin == "bad"
    assert hook in no.why
    assert "boom" in no.why


RUBBISH = ["text", 7, ["a"], {1: "x"}, [("a", "b")]]


@pytest.mark.parametrize(
    ("hook", "value"),
    [
        *(("register_modules", value) for value in [*RUBBISH, {"x": "a path"}, {"x": None}]),
        *(("register_validators", value) for value in
          [*RUBBISH, {"t": fine}, {"t": None}, {"t": [fine, "x"]}, {"t": "fine"}, {"t": {fine}}]),
        *(("register_sequence_formats", value) for value in [*RUBBISH, {"f": "{number}"}]),
    ],
)  # fmt: skip
def test_a_hook_that_returns_rubbish_is_named(publish: Publish, hook: str, value: Any) -> None:
    no = broken(publish("good"), publish("bad", **{hook: answers(value)}))
    assert no.plugin == "bad"
    assert hook in no.why


def test_no_two_plugins_bring_the_same_name(publish: Publish, tmp_path: Path) -> None:
    for hook, value in (("register_modules", tmp_path), ("register_sequence_formats", fine)):
        twins = [publish(name, **{hook: answers({"same": value})}) for name in "ab"]
        no = broken(*twins)
        assert (no.plugin, "'same'" in no.why) == ("b", True)


def validator_of(publish: Publish, function: Any) -> Any:
    return gather(publish("p", register_validators=checks({"bill": [function]}))).validators["m"]


def raise_(error: BaseException) -> Any:
    raise error


def raiser(error: BaseException) -> Any:
    def check(new: Any, old: Any, view: View) -> None:
        if new["note"] == "trigger":
            raise error

    return check


BILL = {"type": "INSERT", "table": "bill", "data": {"id": "a", "note": "trigger"}}


@pytest.mark.parametrize(
    "error",
    [RuntimeError("boom"), KeyError("x"), RecursionError(), ValueError(), SystemExit(3),
     KeyboardInterrupt(), CancelledError(), GeneratorExit(), StopIteration(),
     BaseExceptionGroup("some", [SystemExit()])],
    ids=repr,
)  # fmt: skip
def test_a_validator_that_raises_costs_one_command(
    publish: Publish, open_shop: Any, caplog: pytest.LogCaptureFixture, error: BaseException
) -> None:
    shop = open_shop(validators=validator_of(publish, raiser(error)))
    assert isinstance(shop.refusal(BILL), PluginFailed)
    assert "plugin p: check" in caplog.text
    shop.insert("bill", {"id": "b"})


def test_what_a_validator_does_to_the_rows_it_sees_changes_nothing(
    publish: Publish, open_shop: Any
) -> None:
    def vandal(new: Any, old: Any, view: View) -> None:
        for row in (new, old or {}, *view.rows("item"), *view.find("item", id="a")):
            row.get("info", {}).clear()
            row.clear()

    shop = open_shop(validators=gather(
        publish("p", register_validators=checks({"item": [vandal, vandal]}))
    ).validators["m"])  # fmt: skip
    shop.insert("item", {"id": "a", "name": "1", "info": {"deep": {"er": [1]}}})
    change = shop.update("item", "a", {"name": "2", "info": {"other": [2]}}).changes[0]
    assert change.old == {"name": "1", "info": {"deep": {"er": [1]}}}
    (row,) = shop.rows("item")
    assert (row["name"], row["info"]) == ("2", {"other": [2]})


def test_a_validator_that_refuses_is_not_a_failure(publish: Publish, open_shop: Any) -> None:
    shop = open_shop(validators=validator_of(publish, raiser(Invalid("no", field="note", ar="لا"))))
    assert shop.refusal(BILL).details[0].text.ar == "لا"


class Empty(Invalid):
    """What a plugin's author may write who forgets the constructor."""

    def __init__(self) -> None:
        pass


def spoilt(**attributes: Any) -> Invalid:
    no = Invalid("no")
    vars(no).update(attributes)
    return no


@pytest.mark.parametrize("error", [Empty(), spoilt(text="no"), spoilt(text=None)], ids=repr)
def test_a_refusal_that_says_nothing_costs_one_command(
    publish: Publish, open_shop: Any, error: Invalid
) -> None:
    shop = open_shop(validators=validator_of(publish, raiser(error)))
    assert isinstance(shop.refusal(BILL), PluginFailed)


@pytest.mark.parametrize("field", [None, "", 5, b"x", "x" * 500, "a/b\n\ud800"])
@pytest.mark.parametrize("said", ["no", "", None, 7, b"no", "x" * 5000, "\ud800\n"])
def test_whatever_a_refusal_says_it_can_be_sent(
    publish: Publish, open_shop: Any, field: Any, said: Any
) -> None:
    shop = open_shop(validators=validator_of(publish, raiser(Invalid(said, field=field))))
    refusal = shop.refusal(BILL)
    assert refusal.code == "INVALID"
    assert len(wire.error(refusal)) < wire.MAX_ERROR
    if not field:
        assert refusal.details[0].path == "", "it is about the row"


def test_a_validator_that_returns_something_has_not_accepted_the_row(
    publish: Publish, open_shop: Any
) -> None:
    """One that returns False meant to refuse; an `async def` would never even begin."""
    shop = open_shop(validators=validator_of(publish, lambda new, old, view: False))
    assert isinstance(shop.refusal(BILL), PluginFailed)


class Form:
    """A plugin's sequence format with one fault."""

    def __init__(self, **faults: Any) -> None:
        self.shows = faults.get("shows", "never")
        self._faults = faults

    def _or(self, what: str, value: Any) -> Any:
        fault = self._faults.get(what, value)
        if isinstance(fault, BaseException):
            raise fault
        return fault

    def format(self, number: int, period: str) -> Any:
        return self._or("format", f"N{number}")

    def parse(self, text: str) -> Any:
        return self._or("parse", (int(text[1:]), "") if text[:1] == "N" else None)


def shop_with(publish: Publish, open_shop: Any, form: Any) -> Any:
    make = gather(
        publish("p", register_sequence_formats=answers({"p.f": lambda rule, branch: form}))
    )
    shop = open_shop({"bill": {"code": Rule()}})
    sequence = make_sequence("bill", "code", Rule(format="p.f"), "b", make.formats)
    shop.rules.sequences["bill"] = (sequence,)
    return shop


@pytest.mark.parametrize(
    "faults",
    [{"format": 7}, {"format": None}, {"format": "unreadable"}, {"format": RuntimeError()},
     {"format": SystemExit()}, {"format": CancelledError()}, {"format": Invalid("no")},
     {"format": "N2"}, {"parse": (1, "1999")}, {"parse": "12"}, {"parse": ("1", "")},
     {"parse": (1, None)}, {"parse": (1,)}, {"parse": 5}, {"parse": RuntimeError()},
     {"parse": None}],
    ids=repr,
)  # fmt: skip
def test_a_format_that_returns_rubbish_costs_one_command(
    publish: Publish, open_shop: Any, faults: dict[str, Any]
) -> None:
    shop = shop_with(publish, open_shop, Form(**faults))
    assert isinstance(shop.refusal({**BILL, "data": {"id": "a"}}), PluginFailed)
    assert shop_with(publish, open_shop, Form()).insert("bill", {"id": "a"})["code"] == "N1"


@pytest.mark.parametrize("negative", [-1, -(2**70)])
def test_a_format_that_reads_a_negative_number_reads_none(
    publish: Publish, open_shop: Any, negative: int
) -> None:
    shop = shop_with(publish, open_shop, Form(parse=(negative, "")))
    with pytest.raises(Refused):
        shop.run({**BILL, "data": {"id": "a", "code": "N1"}})


@pytest.mark.parametrize(
    "make",
    [lambda rule, branch: None, lambda: Form(), lambda rule, branch: 1 / 0, lambda r, b: object(),
     lambda rule, branch: Form(shows="weekly"), lambda rule, branch: sys.exit(0),
     lambda rule, branch: raise_(CancelledError())],
)  # fmt: skip
def test_a_format_that_takes_no_rule_is_named_when_the_rule_is_read(
    publish: Publish, make: Any
) -> None:
    formats = gather(publish("p", register_sequence_formats=answers({"p.f": make}))).formats
    with pytest.raises(ValueError, match=r"plugin p|which is no period"):
        make_sequence("t", "f", Rule(format="p.f"), "b", formats)


def test_a_format_that_shows_rubbish_is_refused(publish: Publish) -> None:
    make = {"p.f": lambda rule, branch: Form(shows=["day"])}
    formats = gather(publish("p", register_sequence_formats=answers(make))).formats
    with pytest.raises(ValueError):
        make_sequence("t", "f", Rule(format="p.f"), "b", formats)
