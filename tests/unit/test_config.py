"""The files that people write: read strictly, and complained about by file and place."""

import contextlib
import json
import os
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mishkah.core.config import (
    Branches,
    Modules,
    SequenceRules,
    check_branches,
    check_modules,
)
from mishkah.core.ids import StoreId, folder_name, from_folder_name, is_id
from mishkah.jsonfile import BadFile, parse_json, read_bytes, shape


def branches(**keys: Any) -> Branches:
    return msgspec.convert({"branches": {"b": {"modules": ["m"]}}, **keys}, Branches)


def found(content: bytes) -> Any:
    with pytest.raises(BadFile) as bad:
        parse_json("x.json", content)
    (finding,) = bad.value.findings
    assert finding.file == "x.json"
    assert "x.json" in str(bad.value)
    return finding


@pytest.mark.parametrize(
    ("content", "place", "words"),
    [
        (b'{\n  "a": 1,\n  b: 2}', "line 3, column 3", "not JSON"),
        (b"", "line 1, column 1", "not JSON"),
        (b'{"a": 1} {"b": 2}', "line 1, column 10", "not JSON"),
        (b'{"a": 1,}', "line 1, column", "not JSON"),
        (b'{"a": \xff}', "byte 6", "not UTF-8"),
        (b'{"a": NaN}', "$", "NaN is not JSON"),
        (b'{"a": -Infinity}', "$", "Infinity is not JSON"),
        (b'{"a": {"k": 1, "k": 2}}', "$", "'k' stands twice"),
        (b'{"a": ' + b"9" * 5000 + b"}", "$", "can't be read"),
        (b"[" * 200_000, "$", "can't be read"),
    ],
)
def test_broken_json_is_found_at_its_place(content: bytes, place: str, words: str) -> None:
    finding = found(content)
    assert finding.path.startswith(place)
    assert words in finding.message


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_what_is_no_file_is_named_and_not_waited_for(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x.json"
    if kind == "link":
        path.symlink_to(tmp_path / "nowhere")
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.mkdir()
    with pytest.raises(BadFile, match=r"x.json: \$: this"):
        read_bytes(path, "x.json")
    assert read_bytes(tmp_path / "other.json", "other.json") is None


@pytest.mark.parametrize("pattern", ["a{99999999999}", "(" * 5000 + ")" * 5000, "(", "[a"])
def test_a_pattern_that_is_none_is_found(pattern: str) -> None:
    config = branches(patterns=[{"match": pattern, "modules": ["m"]}])
    assert [path for path, _ in check_branches(config)] == ["$.patterns[0].match"]


@pytest.mark.parametrize(
    ("paths", "found"),
    [
        ({"livePath": "live/store.sqlite3"}, ["livePath"]),
        ({"livePath": "live/store.sqlite3-wal"}, ["livePath"]),
        ({"livePath": "data.json", "historyPath": "store.sqlite3"}, ["historyPath"]),
        ({"seedPath": "live/store.sqlite3-shm"}, ["seedPath"]),
        ({"seedPath": "live/data.json"}, ["seedPath", "livePath"]),
        ({"schemaPath": "live/data.json/x"}, ["schemaPath"]),
        ({"historyPath": "seeds/initial.json"}, ["seedPath", "historyPath"]),
        ({"historyPath": "live"}, []),
        ({"seedPath": "history/seeds.json"}, []),
    ],
)
def test_the_paths_of_a_module_are_told_apart(paths: dict[str, str], found: list[str]) -> None:
    modules = msgspec.convert({"modules": {"m": paths}}, Modules)
    assert [path for path, _ in check_modules(modules)] == [f"$.modules.m.{key}" for key in found]


def test_an_exponent_beyond_decimals_own_is_found() -> None:
    found(b'{"a": 1e99999999999999999999999}')


def test_a_byte_order_mark_is_no_mistake() -> None:
    assert parse_json("x", b'\xef\xbb\xbf{"a": 1}') == {"a": 1}


@given(st.binary(max_size=40))
def test_any_file_is_read_or_complained_about(content: bytes) -> None:
    with contextlib.suppress(BadFile):
        parse_json("x", content)


@pytest.mark.parametrize(
    ("kind", "raw", "path", "words"),
    [
        (Branches, {}, "$", "branches"),
        (Branches, {"branches": []}, "$.branches", "object"),
        (Branches, {"branches": {}, "defaultbranch": "b"}, "$", "defaultbranch"),
        (Branches, {"branches": {"b": {"modul": []}}}, "$.branches.b", "modul"),
        (Branches, {"branches": {}, "patterns": [{"match": 1}]}, "$.patterns[0].match", "str"),
        (Branches, {"branches": {}, "patterns": [{"match": "x"}]}, "$.patterns[0]", "modules"),
        (Branches, {"branches": {}, "maxPatternBranches": "9"}, "$.maxPatternBranches", "int"),
        (Modules, {"modules": {"m": {"schemapath": "x"}}}, "$.modules.m", "schemapath"),
        (Modules, {"modules": {"m": {"tables": "x"}}}, "$.modules.m.tables", "array"),
        (SequenceRules, {"defauts": {}}, "$", "defauts"),
        (
            SequenceRules,
            {"defaults": {"m": {"t": {"f": {"pad": 3}}}}},
            "$.defaults.m.t.f",
            "pad",
        ),
        (
            SequenceRules,
            {"defaults": {"m": {"t": {"f": {"start": 1.5}}}}},
            "$.defaults.m.t.f.start",
            "int",
        ),
    ],
)
def test_unknown_keys_and_wrong_types_are_found_at_their_path(
    kind: type, raw: Any, path: str, words: str
) -> None:
    with pytest.raises(BadFile) as bad:
        shape("x.json", parse_json("x.json", json.dumps(raw).encode()), kind)
    (finding,) = bad.value.findings
    assert (finding.file, finding.path) == ("x.json", path)
    assert words in finding.message


@pytest.mark.parametrize(
    ("config", "path"),
    [
        ({"branches": {"Bad": {"modules": ["m"]}}}, "$.branches.Bad"),
        ({"branches": {"": {"modules": ["m"]}}}, "$.branches."),
        ({"branches": {"../x": {"modules": ["m"]}}}, "$.branches.../x"),
        ({"branches": {"b": {}}}, "$.branches.b.modules"),
        ({"branches": {"b": {"modules": []}}}, "$.branches.b.modules"),
        ({"branches": {"b": {"modules": ["../m"]}}}, "$.branches.b.modules"),
        (
            {"branches": {"b": {"modules": ["m"], "timezone": "Egypt/Giza"}}},
            "$.branches.b.timezone",
        ),
        ({"timezone": "../../etc/passwd"}, "$.timezone"),
        ({"timezone": "Africa"}, "$.timezone"),
        ({"patterns": [{"match": "(", "modules": ["m"]}]}, "$.patterns[0].match"),
        ({"patterns": [{"match": "x", "modules": []}]}, "$.patterns[0].modules"),
        ({"patterns": [{"match": "x", "modules": ["M"]}]}, "$.patterns[0].modules"),
        ({"defaults": ["M"]}, "$.modules"),
        ({"defaultBranch": "nope"}, "$.defaultBranch"),
        ({"maxPatternBranches": -1}, "$.maxPatternBranches"),
    ],
)
def test_what_can_not_be_served_is_found(config: dict[str, Any], path: str) -> None:
    assert [at for at, _ in check_branches(branches(**config))] == [path]


def test_an_empty_time_zone_is_found_or_served() -> None:
    config = branches(timezone="")
    assert list(check_branches(config)) or config.zone_of("b").key


@pytest.mark.parametrize("key", ["schemaPath", "seedPath", "livePath", "historyPath"])
@pytest.mark.parametrize(
    "path", ["", "/etc/x", "../x", "a/../../x", "a\\..\\x", "\\x", "C:\\x", "..", "a/.."]
)
def test_a_path_that_leaves_the_modules_folder_is_found(key: str, path: str) -> None:
    config = msgspec.convert({"modules": {"m": {key: path}}}, Modules)
    assert [at for at, _ in check_modules(config)] == [f"$.modules.m.{key}"]


@pytest.mark.parametrize("path", [".", "./"])
def test_a_path_to_the_folder_itself_is_found(path: str) -> None:
    """Two modules with this livePath share one store.sqlite3, in the folder above theirs."""
    assert list(check_modules(msgspec.convert({"modules": {"m": {"livePath": path}}}, Modules)))


def test_a_path_with_a_nul_is_found() -> None:
    config = msgspec.convert({"modules": {"m": {"schemaPath": "a\0b"}}}, Modules)
    assert list(check_modules(config))


def test_a_module_that_can_not_be_named_is_found() -> None:
    config = msgspec.convert({"modules": {"M": {}, "ok": {}}}, Modules)
    assert [at for at, _ in check_modules(config)] == ["$.modules.M"]


def test_a_listed_branch_comes_before_patterns_and_patterns_in_their_order() -> None:
    config = branches(
        branches={"b": {"modules": ["m"]}, "gym:1": {}},
        defaults=["d"],
        patterns=[
            {"match": "^gym:", "modules": ["g"], "timezone": "Africa/Cairo"},
            {"match": ":", "modules": ["p"]},
        ],
        timezone="Asia/Riyadh",
    )
    assert [config.modules_of(name) for name in ("b", "gym:1", "gym:2", "pos:1", "none", "")] == [
        ("m",), ("d",), ("g",), ("p",), None, None
    ]  # fmt: skip
    assert config.modules_of("gym:../x") is None
    assert config.modules_of("GYM:1:") is None
    assert [config.zone_of(name).key for name in ("b", "gym:1", "gym:2", "pos:1")] == [
        "Asia/Riyadh", "Asia/Riyadh", "Africa/Cairo", "Asia/Riyadh"
    ]  # fmt: skip


def test_a_client_that_names_no_branch_has_the_default_or_the_first() -> None:
    two = {"x": {"modules": ["m"]}, "b": {"modules": ["m"]}}
    assert branches(branches=two).first == "x"
    assert branches(branches=two, defaultBranch="b").first == "b"
    assert branches(branches={}).first is None


def test_a_branchs_own_rules_win_field_by_field() -> None:
    raw = {
        "defaults": {"m": {"t": {"a": {"prefix": "D"}, "b": {"prefix": "D"}}}},
        "branches": {"x": {"m": {"t": {"b": {"prefix": "X"}}, "u": {"c": {}}}}},
    }
    config = msgspec.convert(raw, SequenceRules)
    own = config.rules_of("x", "m")
    assert {f: rule.prefix for f, rule in own["t"].items()} == {"a": "D", "b": "X"}
    assert set(own["u"]) == {"c"}
    assert set(config.rules_of("y", "m")) == {"t"}
    assert config.rules_of("x", "other") == {}


@given(st.text("abz09_.:-", max_size=70) | st.text(max_size=9))
def test_an_id_is_one_harmless_folder_and_comes_back_from_it(text: str) -> None:
    if is_id(text):
        name = folder_name(text)
        assert from_folder_name(name) == text
        assert Path("x", name).parent == Path("x")
        assert name.isascii()
        assert not set(name) & set('/\\:*?"<>|\x00')


@pytest.mark.parametrize(
    "text", ["", ".a", "-a", "a..b", "A", "a/b", "a" * 65, "أ", "a\n", "a%3A", " a"]
)
def test_these_are_no_ids(text: str) -> None:
    assert not is_id(text)


def test_a_store_is_named_by_branch_and_module() -> None:
    assert str(StoreId("gym:1", "gym")) == "gym:1/gym"


def test_a_file_that_is_not_there_is_none_and_a_folder_is_a_complaint(tmp_path: Path) -> None:
    assert read_bytes(tmp_path / "no.json", "no.json") is None
    with pytest.raises(BadFile, match=r"x\.json"):
        read_bytes(tmp_path, "x.json")
