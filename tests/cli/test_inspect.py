"""What the commands that only look say, and that they only look."""

import json
from pathlib import Path
from typing import Any

import pytest
from support.server import Server


def test_branches_modules_and_plugins(run: Any, said: Any, sample: Path) -> None:
    branches = {line["branch"]: line for line in said("branches", "--data", sample)}
    assert branches["gim"]["kind"] == "default"
    assert branches["^gym:"]["modules"] == ["gym"]
    modules = {line["branch"]: line for line in said("modules", "--data", sample)}
    assert modules["dar"]["schema"] == "package mishkah-pos"
    assert modules["dar"]["seeds"] == "package mishkah-pos"
    assert modules["remal"]["schema"] == "package mishkah-pos"
    assert modules["remal"]["seeds"] == "branches/remal/modules/pos/seeds/initial.json"
    assert modules["myapp"]["seeds"] == "branches/myapp/modules/mymodule/seeds/initial.json"
    assert modules["myapp"]["tables"] == 1
    plugins = {line["plugin"]: line for line in said("plugins", "--data", sample)}
    assert plugins["gym"]["formats"] == ["gym.receipt"]
    assert plugins["gym"]["version"]
    assert "myapp\tmymodule\t" in run("modules", "--data", sample).stdout


def test_a_broken_schema_is_a_finding_of_modules(said: Any, sample: Path) -> None:
    (sample / "branches/myapp/modules/mymodule/schema/definition.json").write_text("{}")
    lines = said("modules", "--data", sample, code=1)
    assert [bool(line["problem"]) for line in lines].count(True) == 1


def test_a_schema_is_shown_written_and_compared(run: Any, said: Any, sample: Path) -> None:
    tables = said("schema", "show", "gym", "--data", sample)["tables"]
    assert tables["gym_member"]["fields"]["id"] == {"type": "text", "primaryKey": True}
    assert "  id: text" in run("schema", "show", "gym", "--data", sample).stdout
    assert (
        'CREATE TABLE IF NOT EXISTS "gym_member"'
        in run("schema", "sql", "gym", "--data", sample).stdout
    )
    assert all(isinstance(line, str) for line in said("schema", "sql", "gym", "--data", sample))
    both = ("--branch", "dar", "--branch", "remal", "--data", sample)
    assert said("schema", "diff", "pos", *both) == []


def test_types_are_written_for_two_languages(run: Any, sample: Path) -> None:
    typescript = run("schema", "types", "gym", "--data", sample).stdout
    assert "export type GymMember = {\n" in typescript
    assert "  member_code?: string" in typescript, "a sequence fills it"
    python = run("schema", "types", "gym", "--lang", "py", "--data", sample).stdout
    compile(python, "gym", "exec")
    assert run("schema", "types", "gym", "--lang", "cobol", "--data", sample, code=2).stderr


def test_two_branches_schemas_are_compared(said: Any, sample: Path) -> None:
    config = {"branches": {"dar": {"modules": ["mymodule"]}, "x": {"modules": ["mymodule"]}}}
    (sample / "branches.config.json").write_text(json.dumps(config))
    (sample / "sequence-rules.json").unlink()
    for branch, fields in (("dar", {"a": {"type": "text"}}), ("x", {"b": {"type": "text"}})):
        path = sample / f"branches/{branch}/modules/mymodule/schema/definition.json"
        path.parent.mkdir(parents=True)
        table = {"fields": {"id": {"type": "text", "primaryKey": True}, **fields}}
        path.write_text(json.dumps({"tables": {"my_table": table}}))
    found = said("schema", "diff", "mymodule", "--branch", "dar", "--branch", "x",
                 "--data", sample, code=1)  # fmt: skip
    assert [(line["change"], line["what"]) for line in found] == [
        ("removed", "my_table.a"),
        ("added", "my_table.b"),
    ]


@pytest.mark.parametrize(
    ("words", "code"),
    [(("schema", "show", "nothing"), 1), (("schema", "sql", "gym", "--branch", "dar"), 1),
     (("schema", "types", "nothing"), 1), (("schema", "diff", "pos", "--branch", "dar"), 2)],
)  # fmt: skip
def test_what_is_not_there_is_said(
    run: Any, sample: Path, words: tuple[str, ...], code: int
) -> None:
    assert run(*words, "--data", sample, code=code).stderr


def test_counters_are_read_while_the_server_runs_and_after(said: Any, sample: Path) -> None:
    def member_code() -> Any:
        lines = said("sequence", "list", "--data", sample)
        return next(line for line in lines if line["field"] == "member_code")

    assert (member_code()["last"], member_code()["from"]) == (None, "branch")
    server = Server(sample)
    try:
        server.ready()
        last = member_code()["last"]
        assert member_code()["next"] == f"GYM{last + 1:03d}"
        lines = {line["name"]: line for line in said("doctor", "--data", sample, "--port", 0)}
        assert "a server" in lines["server"]["said"]
        taken = ("doctor", "--data", sample, "--port", server.port)
        assert {line["name"]: line for line in said(*taken)}["port"]["status"] == "ok"
        assert server.stop() == 0
    finally:
        server.close()
    files = sorted(sample.rglob("*"))
    assert member_code()["last"] == last
    assert sorted(sample.rglob("*")) == files


def test_the_doctor_names_what_is_wrong(run: Any, said: Any, sample: Path) -> None:
    lines = said("doctor", "--data", sample, "--port", 0)
    assert {line["status"] for line in lines} <= {"ok", "warning"}
    (sample / "modules.json").write_text("{")
    assert (
        "PROBLEM  check: modules.json"
        in run("doctor", "--data", sample, "--port", 0, code=1).stdout
    )


def test_settings_come_from_a_flag_the_environment_or_nowhere(said: Any) -> None:
    env = {"MISHKAH_PORT": "9", "MISHKAH_LIMIT": "rate=50 loopback=true"}
    lines = said("config", "show", "--origin", "--host", "::1", env=env)
    found = {line["setting"]: (line["value"], line["origin"]) for line in lines}
    assert found["host"] == ("::1", "flag")
    assert found["port"] == (9, "environment MISHKAH_PORT")
    assert found["data"] == ("data", "default")
    assert found["limit rate"] == (50.0, "environment MISHKAH_LIMIT")
    assert found["limit loopback"] == (True, "environment MISHKAH_LIMIT")
    assert found["limit message"] == (1048576, "default")


def test_a_limit_that_is_none_is_wrong_usage(run: Any) -> None:
    no = run("config", "show", "--limit", "speed=1", code=2).stderr
    assert "handshake" in no
    assert "Traceback" not in no
