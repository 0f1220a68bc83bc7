"""`init`, `user`, `token`, `device`, `sessions`, `audit`: what is typed to say who may come in."""

import json
import os
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from support.identity import CHEAP

from mishkah.cli import operate
from mishkah.identity.hasher import Hasher
from mishkah.lock import locked

PASSWORD = "two words of Mona"
Run = Callable[..., Result]


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operate, "Hasher", lambda: Hasher(CHEAP))


@pytest.fixture
def at(sample: Path, run: Run) -> Run:
    """Return a function that runs a command on the sample installation."""
    return lambda *words, **how: run(*words, "--data", sample, **how)


@pytest.fixture
def owned(at: Run) -> Run:
    """The same, where Mona is the owner."""
    at("init", "--user", "mona", "--password-stdin", stdin=PASSWORD)
    return at


@pytest.fixture
def told(owned: Run) -> Callable[..., Any]:
    return lambda *words, **how: json.loads(owned(*words, "--json", **how).stdout)


def test_init_asks_for_a_name_and_twice_for_a_password(at: Run) -> None:
    typed = f"mona\nshort\nshort\n{PASSWORD}\nanother\n{PASSWORD}\n{PASSWORD}\n"
    done = at("init", stdin=typed)
    assert done.stdout == ""
    assert "8-256 characters" in done.stderr
    assert "do not match" in done.stderr
    assert "mona owns this installation now" in done.stderr
    for next_step in ("serve", "user create NAME --role ROLE@dar", "device code"):
        assert f"mishkah-trio {next_step}" in done.stderr
    assert PASSWORD not in done.output


def test_init_is_done_once(owned: Run) -> None:
    again = owned("init", "--user", "nour", "--password-stdin", stdin=PASSWORD, code=1)
    assert again.stderr == "There is an owner already: mona.\n"


def test_init_makes_nothing_of_what_is_refused(at: Run, sample: Path) -> None:
    at("init", "--user", "Mona!", stdin=f"{PASSWORD}\n{PASSWORD}\n", code=2)
    at("init", "--user", "mona", "--password-stdin", stdin="short", code=2)
    at("init", "--user", "mona", stdin="", code=1)  # nobody answers
    assert not (sample / "identity").exists()


def test_what_init_makes_is_for_nobody_else_to_read(owned: Run, sample: Path) -> None:
    folder = sample / "identity"
    assert folder.stat().st_mode & 0o077 == 0
    assert [file.name for file in folder.iterdir()] == ["store.sqlite3"]


def test_init_works_on_an_installation_that_new_has_made(tmp_path: Path, run: Run) -> None:
    data = tmp_path / "new"
    run("new", "module", "library", "--branch", "town", "--data", data)
    done = run("init", "--data", data, "--user", "mona", "--password-stdin", stdin=PASSWORD)
    assert "ROLE@town" in done.stderr
    assert "mona\t" in run("user", "list", "--data", data).stdout


@pytest.mark.parametrize(
    "words", [("user", "list"), ("user", "disable", "x"), ("device", "code", "x")]
)
def test_without_access_control_nothing_is_made(at: Run, sample: Path, words: Any) -> None:
    assert "mishkah-trio init" in at(*words, code=1).stderr
    assert not (sample / "identity").exists()


def test_people_are_made_changed_shut_out_and_let_in(told: Any, owned: Run) -> None:
    owned("user", "create", "amal", "--name", "Amal", "--role", "cashier@dar,remal/pos",
          "--role", "read-only", stdin=f"{PASSWORD}\n{PASSWORD}\n")  # fmt: skip
    amal = told("user", "list")[1]
    assert (amal["id"], amal["name"]) == ("amal", "Amal")
    assert amal["roles"] == ["cashier@dar,remal/pos", "read-only"]
    assert amal["scopes"] == [
        {"role": "cashier", "branches": ["dar", "remal"], "modules": ["pos"]},
        {"role": "read-only", "branches": ["*"], "modules": ["*"]},
    ]
    assert (amal["password"], amal["pin"], amal["disabled"]) == (True, False, False)
    owned("user", "pin", "amal", "--pin-stdin", stdin="2580\n")
    assert told("user", "disable", "amal") == {"user": "amal"}
    owned("user", "change", "amal", "--role", "manager@dar", "--name", "Amal S.")
    amal = told("user", "list")[1]
    assert (amal["pin"], amal["disabled"], amal["roles"]) == (True, True, ["manager@dar"])
    owned("user", "enable", "amal")
    owned("user", "pin", "amal", "--none")
    owned("user", "change", "amal", "--no-role")
    owned("user", "password", "amal", "--password-stdin", stdin="three more words")
    amal = told("user", "list")[1]
    assert (amal["pin"], amal["disabled"], amal["roles"]) == (False, False, [])
    assert amal["name"] == "Amal S."
    events = [row["event"] for row in told("audit")]
    assert events == ["password-set", "user-changed", "pin-set", "user-enabled", "user-changed",
                      "user-disabled", "pin-set", "user-created", "user-created"]  # fmt: skip
    assert {row["session"] for row in told("audit")} == {"operator"}


def test_a_pipe_gets_lines_and_no_braces(owned: Run) -> None:
    owned("user", "create", "amal", "--role", "cashier@dar/pos", "--no-password")
    mona, amal = owned("user", "list").stdout.splitlines()
    assert mona.split("\t")[:3] == ["mona", "", "owner"]
    assert amal.split("\t")[:5] == ["amal", "", "cashier@dar/pos", "false", "false"]


@pytest.mark.parametrize(
    ("words", "why"),
    [(("user", "create", "amal", "--role", "cashire", "--no-password"),
      "there are: cashier, kitchen, manager, owner, read-only, reception"),
     (("user", "create", "mona", "--no-password"), "already somebody of this name"),
     (("user", "create", "Amal", "--no-password"), "small letters"),
     (("user", "create", "amal", "--role", "cashier@d r", "--no-password"),
      "branches and modules are names"),
     (("user", "disable", "none"), "no such person, device or token"),
     (("user", "disable", "mona"), "There must be an owner"),
     (("user", "change", "mona", "--no-role"), "There must be an owner"),
     (("token", "create", "none"), "no such person, device or token"),
     (("token", "revoke", "none"), "no such person, device or token"),
     (("device", "disable", "none"), "no such person, device or token"),
     (("device", "code", "Till 1"), "small letters"),
     (("sessions", "end", "none"), "no such person, device or token")],
)  # fmt: skip
def test_what_is_refused_is_told_with_exit_code_one(owned: Run, words: Any, why: str) -> None:
    no = owned(*words, code=1)
    assert no.stdout == ""
    assert why in no.stderr


@pytest.mark.parametrize(
    "words",
    [("user", "create", "amal", "--role", "@dar"), ("user", "create", "amal", "--role", "cashier@"),
     ("user", "create", "amal", "--role", "cashier/"), ("user", "create", "amal", "--role", "a@b,"),
     ("user", "change", "mona"), ("user", "change", "mona", "--role", "owner", "--no-role"),
     ("user", "create", "amal", "--no-password", "--password-stdin"),
     ("user", "pin", "mona", "--none", "--pin-stdin"), ("device", "change", "x"),
     ("token", "create", "mona", "--expires", "soon"), ("audit", "--since", "9x")],
)  # fmt: skip
def test_wrong_usage_is_exit_code_two(owned: Run, words: Any) -> None:
    owned(*words, code=2)


def test_a_token_is_shown_once_and_ends(told: Any, owned: Run) -> None:
    made = owned("token", "create", "mona", "--label", "report", "--role", "@dar/pos",
                 "--expires", "90d")  # fmt: skip
    (text,) = made.stdout.splitlines()
    assert text.startswith("mk_")
    (kept,) = told("token", "list")
    assert kept["roles"] == ["@dar/pos"]
    assert kept["expires"][:10] > kept["created"][:10]
    assert text.split("_", 2)[2] not in json.dumps(kept)
    assert text.split("_")[1] == kept["id"]
    assert told("token", "create", "mona")["token"].startswith("mk_")
    assert told("token", "list", "--user", "nobody") == []
    owned("token", "revoke", kept["id"])
    assert [row["revoked"] is None for row in told("token", "list")] == [False, True]


def test_a_device_gets_a_code_and_keeps_what_it_has(told: Any, owned: Run) -> None:
    code = owned("device", "code", "till-1", "--label", "Front", "--role", "cashier@dar/pos")
    assert len(code.stdout.strip()) == 9
    assert "10 minutes" in code.stderr
    assert told("device", "code", "till-1")["code"] != code.stdout.strip()
    owned("device", "disable", "till-1")
    (till,) = told("device", "list")
    assert (till["label"], till["roles"], till["disabled"]) == ("Front", ["cashier@dar/pos"], True)
    owned("device", "change", "till-1", "--label", "Back", "--no-role")
    owned("device", "enable", "till-1")
    (till,) = told("device", "list")
    assert (till["label"], till["roles"], till["disabled"]) == ("Back", [], False)


def test_sessions_that_are_not_there_end_too(told: Any) -> None:
    assert told("sessions", "list") == []
    assert told("sessions", "end", "mona") == {"user": "mona", "ended": 0}


def test_the_audit_is_looked_through(told: Any, owned: Run) -> None:
    for user in ("a", "b", "c"):
        owned("user", "create", user, "--no-password")
    owned("user", "disable", "b")
    made = told("audit", "--event", "user-created")
    assert [row["detail"] for row in made] == ["c", "b", "a", "mona"]
    assert [row["detail"] for row in told("audit", "--limit", "2")] == ["b", "c"]
    assert len(told("audit", "--since", "1h")) == 5
    assert len(told("audit", "--since", made[0]["at"])) == 2
    assert told("audit", "--since", "2999-01-01") == []
    assert owned("audit", "--limit", "1").stdout.split("\t")[1] == "user-disabled"


def test_a_folder_that_somebody_keeps_is_waited_for(
    owned: Run, sample: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operate, "PATIENCE", 0.0)
    with locked(sample):
        assert "a server already serves" in owned("user", "list", code=1).stderr
        # What a killed server has left leads nowhere.
        (sample / "identity" / "operator.json").write_text(
            '{"host": "127.0.0.1", "port": 9, "token": "mk_operator_x"}'
        )
        assert "a server already serves" in owned("user", "list", code=1).stderr
    owned("user", "list")
    assert not (sample / "identity" / "operator.json").exists()


def test_a_command_that_is_at_work_is_waited_for(
    owned: Run, sample: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ExitStack() as other:
        other.enter_context(locked(sample))
        monkeypatch.setattr(operate.time, "sleep", lambda seconds: other.close())
        assert owned("user", "list").stdout.startswith("mona")


def test_no_command_takes_a_secret_as_an_argument() -> None:
    from mishkah.cli import main

    for group in ("init", "user", "token", "device", "sessions"):
        command: Any = main.commands[group]
        for one in getattr(command, "commands", {"": command}).values():
            for param in one.params:
                secret = {"password", "pin", "secret"} & {*param.name.split("_")}
                assert not secret or param.is_flag, param.name


def findings(at: Run, code: int = 0) -> dict[str, dict[str, Any]]:
    """Return what `check` finds of who belongs: where → the finding."""
    told = json.loads(at("check", "--json", code=code).stdout)["findings"]
    ours = [one for one in told if "identity/" in one["file"] or "access" in one["file"]]
    return {f"{one['file']} {one['path']}".strip(): one for one in ours}


def test_check_says_that_roles_without_an_owner_let_nobody_manage(at: Run, sample: Path) -> None:
    assert findings(at) == {}
    (sample / "access.json").write_text('{"roles": {}}')
    (found,) = findings(at).values()
    assert found["note"]
    assert "mishkah-trio init" in found["message"]
    at("init", "--user", "mona", "--password-stdin", stdin=PASSWORD)
    assert findings(at) == {}


def test_check_names_roles_that_are_none_and_whose_they_are(owned: Run, sample: Path) -> None:
    made = {"rules": [{"do": ["read"]}]}
    (sample / "access.json").write_text(json.dumps({"roles": {"waiter": made}}))
    owned("user", "create", "amal", "--role", "waiter@dar", "--no-password")
    owned("device", "code", "till-1", "--role", "waiter")
    owned("token", "create", "mona", "--role", "@dar")
    assert findings(owned) == {}
    (sample / "access.json").unlink()
    found = findings(owned)
    assert set(found) == {f"identity/store.sqlite3 {who}" for who in ("user amal", "device till-1")}
    assert all(one["note"] and "waiter" in one["message"] for one in found.values())


def test_check_finds_files_that_others_may_read(owned: Run, sample: Path) -> None:
    folder, file = sample / "identity", sample / "identity" / "store.sqlite3"
    file.chmod(0o644)
    assert findings(owned) == {}, "the folder is shut"
    folder.chmod(0o755)
    (found,) = findings(owned, code=1).values()
    assert f"chmod -R o= {folder}" in found["message"]
    file.chmod(0o640)
    assert findings(owned) == {}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may do everything")
def test_the_folder_of_another_system_user_is_told_of(owned: Run, sample: Path) -> None:
    folder = sample / "identity"
    folder.chmod(0)
    try:
        assert "Permission denied" in owned("user", "list", code=1).stderr
        assert "run this as the user" in owned("serve", "--port", "0", code=1).stderr
        assert "not looked at" in owned("check").stderr
    finally:
        folder.chmod(0o700)
