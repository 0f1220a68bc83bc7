"""Rows of a real server from the command line: what is printed where, and how it ends."""

import json
import os
import pty
import signal
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support.server import COMMAND, PATIENCE, Server, copy_sample

Run = Callable[..., Any]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(copy_sample(tmp_path_factory.mktemp("rows") / "data"))
    try:
        yield server.ready()
        assert server.stop() == 0
    finally:
        server.close()


@pytest.fixture
def env(server: Server) -> dict[str, str]:
    return {"MISHKAH_URL": f"ws://127.0.0.1:{server.port}", "MISHKAH_BRANCH": "gim"}


@pytest.fixture
def lines(run: Run, env: dict[str, str]) -> Callable[..., list[Any]]:
    """Return a function that runs a command and returns its lines of JSON."""

    def run_it(*words: object, **how: Any) -> list[Any]:
        return [json.loads(line) for line in run(*words, env=env, **how).stdout.splitlines()]

    return run_it


def member(key: str, **more: Any) -> str:
    name = {"ar": "منى", "en": "Mona"}
    return json.dumps({"id": key, "full_name": name, "phone": "+20 10 0000 0101", **more})


def test_a_row_is_added_shown_changed_and_taken_away(run: Run, lines: Any, env: Any) -> None:
    (row,) = lines("insert", "gym_member", member("m-1"))
    assert row["member_code"].startswith("GYM")
    assert lines("get", "gym_member", "m-1") == [row]
    (changed,) = lines("update", "gym_member", "m-1", '{"status": "suspended"}')
    assert changed == {**row, "status": "suspended", "updated_at": changed["updated_at"]}
    where = '{"and": [["status", "=", "suspended"], ["id", "prefix", "m-"]]}'
    assert lines("list", "gym_member", "--where", where) == [changed]
    assert lines("delete", "gym_member", "m-1") == []
    assert "no such row" in run("get", "gym_member", "m-1", env=env, code=1).stderr


def test_several_rows_are_added_together_or_not_at_all(run: Run, lines: Any, env: Any) -> None:
    words = ("insert", "gym_member", "-")
    both = lines(*words, stdin=f"{member('s-1')}\n{member('s-2')}\n")
    assert [row["id"] for row in both] == ["s-1", "s-2"]
    told = run(*words, env=env, stdin=f"[{member('s-3')}, {member('s-1')}]", code=4)
    assert told.stdout == ""
    assert "(DUPLICATE)" in told.stderr
    assert "/ops/1/id" in told.stderr
    assert lines("list", "gym_member", "--where", '["id", "=", "s-3"]') == []


def test_lists_are_ordered_limited_and_have_all_pages(
    lines: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    everyone = lines("list", "gym_member")
    monkeypatch.setattr("mishkah.cli.rows.PAGE", 5)
    assert lines("list", "gym_member") == everyone
    ids = [row["id"] for row in everyone]
    told = lines("list", "gym_member", "--order", "id:desc", "--limit", 7, "--fields", "id")
    assert told == [{"id": key} for key in ids[:-8:-1]]


def test_a_query_sums_and_says_how_to_go_on(run: Run, lines: Any, env: Any) -> None:
    sums = '{"values": {"n": ["count"]}}'
    (told,) = lines("query", "membership_plan", "--aggregate", sums)
    page = run("query", "membership_plan", "--limit", 1, "--order", "id", env=env)
    cursor = page.stderr.split("--after ")[1].strip()
    rest = lines("query", "membership_plan", "--order", "id", "--after", cursor)
    assert len(rest) == told["n"] - 1
    assert json.loads(page.stdout)["id"] not in [row["id"] for row in rest]


def test_stock_is_added_to_and_decimals_stay_as_they_are(lines: Any) -> None:
    (plan,) = lines("query", "membership_plan", "--limit", 1)
    words = ("update", "membership_plan", plan["id"], "--add", '{"duration_days": 1}')
    (more,) = lines(*words)
    assert more["duration_days"] == plan["duration_days"] + 1


def test_a_named_write_is_done_once(run: Run, lines: Any, env: Any) -> None:
    words = ("insert", "gym_member", member("once"), "--client", "script", "--ref", "1")
    first = lines(*words)
    again = run(*words, env=env)
    assert [json.loads(again.stdout)] == first
    assert "done before" in again.stderr
    changed = ("insert", "gym_member", member("twice"), "--client", "script", "--ref", "1")
    assert "(REF_REUSED)" in run(*changed, env=env, code=4).stderr


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("list", "gym_member", "--where", "{"), 2),
        (("list", "gym_member", "--order", "id:down"), 2),
        (("insert", "gym_member", "{"), 2),
        (("insert", "gym_member", "[]"), 2),
        (("insert", "gym_member", "5"), 2),
        (("update", "gym_member", "x"), 2),
        (("update", "gym_member", "x", "--add", "5"), 2),
        (("list", "gym_member", "--url", "http://localhost"), 2),
        (("list", "gym_member", "--url", "ws://127.0.0.1:1"), 3),
        (("list", "nothing"), 4),
        (("get", "nothing", "x"), 4),
        (("list", "gym_member", "--branch", "nowhere"), 4),
        (("list", "gym_member", "--module", "pos"), 4),
        (("watch", "gym_member", "--where", '["nothing", "=", 1]'), 4),
        (("update", "gym_member", "nobody", "{}"), 4),
        (("delete", "gym_member", "nobody"), 4),
    ],
)
def test_what_goes_wrong_has_its_exit_code_and_a_word(
    run: Run, env: Any, words: tuple[str, ...], code: int
) -> None:
    told = run(*words, env=env, code=code)
    assert (told.stdout, bool(told.stderr)) == ("", True)


def test_changes_are_watched_until_interrupted(lines: Any, env: Any) -> None:
    where = '["status", "=", "active"]'
    watching = subprocess.Popen(
        [COMMAND, "watch", "gym_member", "--where", where],
        env={**os.environ, **env}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert watching.stdout is not None
        assert watching.stderr is not None
        assert "Stop with ^C" in watching.stderr.readline()
        lines("insert", "gym_member", member("w-1"))
        lines("update", "gym_member", "w-1", '{"status": "suspended"}')
        told = [json.loads(watching.stdout.readline()) for _ in range(2)]
        watching.send_signal(signal.SIGINT)
        assert watching.wait(PATIENCE) == 130
        assert watching.stdout.read() == ""
        assert watching.stderr.read() == ""
    finally:
        watching.kill()
        watching.communicate()
    assert [(one["operation"], one["id"], one.get("reason")) for one in told] == [
        ("INSERT", "w-1", None),
        ("DELETE", "w-1", "left"),
    ]
    assert told[0]["row"]["status"] == "active"


def test_a_person_sees_tables(env: Any) -> None:
    ours, theirs = pty.openpty()
    words = [COMMAND, "list", "membership_plan", "--fields", "id,duration_days"]
    done = subprocess.run(words, env={**os.environ, **env}, stdout=theirs, timeout=PATIENCE)
    os.close(theirs)
    shown = os.read(ours, 65536).decode()
    os.close(ours)
    assert done.returncode == 0
    assert "duration_days" in shown
    assert "{" not in shown
