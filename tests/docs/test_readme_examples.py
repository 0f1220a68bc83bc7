"""The READMEs' examples: a module made of files, and clients of a real server."""

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import msgspec
from support.sample import sample_plugins, shape
from support.server import SAMPLE, Server, copy_sample

from mishkah.catalog import Catalog
from mishkah.checking import check
from mishkah.core.config import SequenceRules
from mishkah.core.sequences import Rule
from mishkah.plugins import Plugins
from mishkah.testing import open_test_house

SNIPPET = Path(__file__).parents[1] / "compat" / "guide_snippet.mjs"


async def test_a_module_can_be_made_of_the_files_that_are_shown(
    readme: Any, tmp_path: Path, autojump_clock: object
) -> None:
    readme.write_files(tmp_path)
    assert check(Catalog(tmp_path / "mydata", Plugins())) == []
    async with open_test_house(tmp_path / "mydata") as house, house.client() as client:
        snapshot = await client.receive()
    assert (snapshot["branch"], snapshot["module"]) == ("myapp", "mymodule")
    assert [row["id"] for row in snapshot["data"]["my_table"]] == ["item_001"]


def test_the_browser_snippets_are_those_that_run_in_node(readme: Any) -> None:
    tested = SNIPPET.read_text("utf-8")
    # That of the client runs in a browser, see tests/browser/test_first_example.py.
    snippets = [code for code in readme.code("js") if "createPosDb" not in code]
    assert len(snippets) == 2
    for snippet in snippets:
        assert snippet in tested


def test_the_python_client_inserts_once(readme: Any, tmp_path: Path) -> None:
    (code,) = (code for code in readme.code("python") if "websockets" in code)
    server = Server(copy_sample(tmp_path / "data"))
    try:
        code = code.replace(":8080", f":{server.ready().port}")
        first, again = (printed_by(code) for _ in range(2))
        assert server.stop() == 0
    finally:
        server.close()
    members = int(first[0].split()[0])
    number = first[2].split()[1]
    assert first == [f"{members} members", "DELTA INSERT", f"ACK {number} None"]
    assert again == [f"{members + 1} members", f"ACK {number} True"]


def printed_by(code: str) -> list[str]:
    with contextlib.redirect_stdout(io.StringIO()) as out:
        exec(compile(code, "README.md", "exec"), {})
    return out.getvalue().splitlines()


def test_the_sequence_rule_is_the_samples(readme: Any) -> None:
    (code,) = (code for code in readme.code("json") if '"prefix"' in code)
    shown = msgspec.json.decode(code, type=SequenceRules)
    sample = msgspec.json.decode((SAMPLE / "sequence-rules.json").read_bytes())
    kept = msgspec.convert(sample, SequenceRules).rules_of("gim", "gym")
    rule: Rule = shown.rules_of("gim", "gym")["gym_member"]["member_code"]
    assert kept["gym_member"]["member_code"] == rule


async def test_what_the_server_says_is_what_it_says(readme: Any, autojump_clock: object) -> None:
    told = {m["type"]: m for m in map(json.loads, readme.code("json")) if "type" in m}
    assert set(told) == {"DELTA", "ACK", "ERROR"}
    member = {"id": "member_101", "full_name": {"ar": "محمد", "en": "Mohamed"}, "phone": "+20 10"}
    insert = {"type": "INSERT", "table": "gym_member", "data": member}
    there = {"table": "gym_member", "id": "member_101"}
    async with (
        open_test_house(SAMPLE, plugins=sample_plugins()) as house,
        house.client(branch="gim", module="gym", client="desk-1") as desk,
    ):
        await desk.ask({**insert, "ref": "w-1"})
        changes = told["DELTA"]["data"]["changes"]
        await desk.send({"type": "UPDATE", **there, "changes": changes, "ref": "w-3"})
        assert shape(await desk.expect("DELTA")) == shape(told["DELTA"])
        answer = await desk.ask({"type": "DELETE", **there, "ref": "w-5"})
        assert shape(answer) == shape(told["ACK"])
        del member["phone"]
        answer = await desk.ask({**insert, "ref": "w-8"})
        assert shape(answer) == shape(told["ERROR"])
        assert answer["error"] == told["ERROR"]["error"]
