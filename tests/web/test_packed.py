"""The one module that pages load: all of the client, and small."""

import gzip
import re
import subprocess
from pathlib import Path

from mishkah.site.packaged import Packaged
from mishkah.site.packing import pack

CLIENT = Path(__file__).parents[2] / "mishkah/web/client"
BUDGET = 13_600
"""Bytes of it, compressed as much as gzip can."""


def packed() -> str:
    modules = {file.name: file.read_text("utf-8") for file in CLIENT.glob("*.js")}
    return pack(modules, "mishkah.js")


def test_it_is_within_its_budget() -> None:
    size = len(gzip.compress(packed().encode(), 9))
    assert size <= BUDGET, f"{size} bytes"


def test_it_has_every_module_and_needs_none(tmp_path: Path, node: str) -> None:
    whole = tmp_path / "packed.mjs"
    whole.write_text(packed(), "utf-8")
    assert not re.search(r"\bimport\s*[({'\"]", whole.read_text("utf-8"))
    script = (
        f"const {{ createPosDb }} = await import({str(whole)!r});"
        "globalThis.WebSocket = class { close() {} };"
        "const { db } = await createPosDb({ branchId: 'b', moduleId: 'm', url: 'http://x/' });"
        "db.insert('t', { id: 'a' }); console.log(JSON.stringify(db.list('t'))); await db.close();"
    )
    run = subprocess.run(
        [node, "--input-type=module", "-e", script], capture_output=True, text=True, timeout=30
    )
    assert (run.stdout, run.returncode) == ('[{"id":"a"}]\n', 0), run.stderr


def test_its_modules_keep_the_style_that_packing_needs() -> None:
    named: dict[str, str] = {}
    for file in CLIENT.glob("*.js"):
        text = file.read_text("utf-8")
        assert not re.search(r"`[^`\n]*\$\{[^}`]*`", text), f"{file.name}: a template in another"
        names = re.findall(r"^(?:export )?(?:async )?(?:const|function|class) (\w+)", text, re.M)
        for name in names:
            assert named.setdefault(name, file.name) == file.name, f"two things are called {name}"


def test_strings_templates_and_patterns_stay_as_they_are() -> None:
    source = "const a = /[/*]'x/.exec(b) ?? `  // ${ c } ` + '/* no */'.replace(/\"/g, \"  \");\n"
    assert pack({"a.js": f"/** @type {{x}} */\n{source}"}, "a.js") == (
        "const a=/[/*]'x/.exec(b)??`  // ${ c } `+'/* no */'.replace(/\"/g,\"  \");\n"
    )


def test_what_is_served_is_packed() -> None:
    assert Packaged()._kept["client/mishkah.js"].content == packed().encode()
    assert "client/db.js" not in Packaged()._kept
