"""The one module that pages load: all of the client, and small."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from mishkah.site.packaged import Packaged
from mishkah.site.packing import pack
from mishkah.site.properties import OURS
from mishkah.site.renaming import WORLD

TESTS = Path(__file__).parent
CLIENT = TESTS.parents[1] / "mishkah/web/client"
BUDGET = 12_000
"""Bytes of it, as the server sends it to who takes gzip."""


def packed() -> str:
    modules = {file.name: file.read_text("utf-8") for file in CLIENT.glob("*.js")}
    return pack(modules, "mishkah.js")


def small(source: str) -> str:
    return pack({"a.js": source}, "a.js")


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    """The packed module, in a file."""
    file = tmp_path / "packed.mjs"
    file.write_text(packed(), "utf-8")
    return file


def test_it_is_within_its_budget() -> None:
    size = len(Packaged()._kept["client/mishkah.js"].gzip)
    assert size <= BUDGET, f"{size} bytes"


def test_what_is_served_is_packed() -> None:
    assert Packaged()._kept["client/mishkah.js"].content == packed().encode()
    assert "client/db.js" not in Packaged()._kept


def test_it_needs_no_other_module() -> None:
    assert not re.search(r"\bimport\s*[({'\"]", packed())


def test_it_does_all_that_its_modules_do(whole: Path, node: str) -> None:
    """The tests of tills, by the module that pages load."""
    tests = [str(TESTS / f"{name}.test.mjs") for name in ("db", "lost", "tabs")]
    run = subprocess.run(
        [node, "--test", *tests], capture_output=True, text=True, timeout=120,
        env={**os.environ, "CLIENT": str(whole)},
    )  # fmt: skip
    assert run.returncode == 0, run.stdout


def test_each_of_its_names_is_there(whole: Path) -> None:
    """Also those of lines that no test has run: what the world has is listed, and nothing else."""
    if (tsc := shutil.which("tsc")) is None:
        pytest.skip("tsc is missing; the session `web` has it")
    options = "--allowJs --checkJs --noEmit --target es2023 --module es2022"
    libraries = ("--moduleResolution", "bundler", "--lib", "es2023,dom,dom.iterable")
    run = subprocess.run(
        [tsc, *options.split(), *libraries, str(whole)], capture_output=True, text=True, timeout=60
    )
    assert "error TS" in run.stdout, "it has no types any more"
    assert not re.findall(r"Cannot find name.*", run.stdout)


def test_its_modules_keep_the_style_that_packing_needs() -> None:
    named: dict[str, str] = {}
    for file in CLIENT.glob("*.js"):
        text = file.read_text("utf-8")
        assert not re.search(r"`[^`\n]*\$\{[^}`]*[`{]", text), (
            f"{file.name}: more than an expression"
        )
        names = re.findall(
            r"^(?:export )?(?:async )?(?:const|let|function|class) (\S+)", text, re.M
        )
        for name in names:
            assert named.setdefault(name, file.name) == file.name, f"two things are called {name}"
            assert name not in WORLD


def test_no_property_is_hidden_that_a_page_reads() -> None:
    types = re.sub(r"/\*.*?\*/", "", (CLIENT / "mishkah.d.ts").read_text("utf-8"), flags=re.DOTALL)
    known = {*re.findall(r"[{;]\s*(\w+)\??(?=[:(<])", types)}
    assert known >= {"list", "status", "text", "error", "old"}
    assert not OURS & known


def test_each_hidden_property_is_one_of_the_modules() -> None:
    source = "".join(file.read_text("utf-8") for file in CLIENT.glob("*.js"))
    declared = r"^  (?:get |async )*(\w+)(?= = |\(|;)|this\.(\w+) = |@property \{.*?\} \[?(\w+)"
    found = {name for names in re.findall(declared, source, re.MULTILINE) for name in names}
    assert found >= OURS - {"head"}, OURS - found


def test_strings_templates_and_patterns_stay_as_they_are() -> None:
    source = (
        "export const a = /[/*]'x/.exec(b) ?? `  // ${ c } ` + '/* no */'.replace(/\"/g, \"  \");\n"
    )
    assert small(f"/** @type {{x}} */\n{source}") == (
        "export let a=/[/*]'x/.exec(b)??`  // ${c} `+'/* no */'.replace(/\"/g,\"  \");\n"
    )


@pytest.mark.parametrize(
    ("source", "made"),
    [
        ("const low = (one, two) => one + +two;", "let A=(a,b)=>a+ +b;"),
        ("const two = 2; f((one) => (one ? two : one.two));", "let A=2;f(a=>(a?A:a.two));"),
        ("export const stay = (one) => stay(one);", "export let stay=a=>stay(a);"),
        ("f(async (row) => ({ ...row, at: row }));", "f(async a=>({...a,at:a}));"),
        ("f(({ many, ways = 1 }) => many + ways);", "f(({many,ways=1})=>many+ways);"),
        ("f((name) => `a ${name} b ${name}`);", "f(a=>`a ${a} b ${a}`);"),
        ("f((some) => [some, ...some]);", "f(a=>[a,...a]);"),
        ("f((one, { one: two }) => Object(one, two));", "f((a,{one:b})=>Object(a,b));"),
        ("f((a, one) => { const { one: two } = a; });", "f((a,b)=>{let{one:c}=a});"),
        ("class It { #secret = 1; get size() { return this.#secret; } }",
         "class A{#a=1;get size(){return this.#a}}"),
        ("class One { #x = 1; } class Two { #y = 2; when = { at: (one) => one }; }",
         "class A{#a=1}class B{#a=2;when={at:a=>a}}"),
        ("class One { async two(all) { const more = all; } three(all) { return { all }; } }",
         "class A{async two(a){let b=a}three(all){return{all}}}"),
    ],
)  # fmt: skip
def test_names_are_short_and_properties_what_they_were(source: str, made: str) -> None:
    assert small(f"{source}\n") == f"{made}\n"


@pytest.mark.parametrize(
    ("source", "made"),
    [
        ("const LONG_MS = 5_000; f(LONG_MS, 250, 10_001, 0.5);", "f(5e3,250,10001,0.5);"),
        ("f(true, { it: false }, undefined);", "f(!0,{it:!1},void 0);"),
        ("const one = 1; const two = one; { f(two); }", "let A=1,B=A;{f(B)}"),
        ("f(() => { const a = 1; g(a); const b = 2; });", "f(()=>{let a=1;g(a);let b=2});"),
        ("f((a, b) => { const c = /** @type {any} */ (a); if (b) return (c); });",
         "f((a,b)=>{let c=a;if(b)return c});"),
    ],
)  # fmt: skip
def test_what_is_not_asked_for_is_not_said(source: str, made: str) -> None:
    assert small(f"{source}\n") == f"{made}\n"


def test_hidden_properties_are_the_same_wherever_they_stand() -> None:
    source = "const g = (a) => a.machine; f({ machine: 1, state: 2 }, ({ machine }) => machine);\n"
    assert small(source) == "let A=a=>a.b;f({b:1,state:2},({b})=>b);\n"


def test_what_is_a_property_and_a_name_in_one_keeps_it() -> None:
    source = "const f = 1; g({ f }); g(({ amount }) => amount + amount + amount);\n"
    assert small(source) == "let f=1;g({f});g(({amount})=>amount+amount+amount);\n"
