"""`check` says where each mistake stands: the file, the line and the path in it."""

import json
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

KEY = {"type": "text", "primaryKey": True}
SCHEMA = "branches/shop/modules/m/schema/definition.json"
SEEDS = "branches/shop/modules/m/seeds/initial.json"
LIVE = "branches/shop/modules/m/live/data.json"
FILES: dict[str, Any] = {
    "branches.config.json": {
        "branches": {"shop": {"label": "Shop", "modules": ["m"], "timezone": "Africa/Cairo"}},
        "patterns": [{"match": "^shop:", "modules": ["m"]}],
        "defaults": ["m"],
    },
    "modules.json": {"modules": {"m": {"label": "M", "tables": ["plan", "member"]}}},
    "sequence-rules.json": {
        "defaults": {"m": {"member": {"code": {"start": 1, "format": "M{number}"}}}}
    },
    SCHEMA: {
        "version": 1,
        "moduleId": "m",
        "tables": {
            "plan": {"fields": {"id": KEY, "price": {"type": "decimal", "min": 0, "max": 9}}},
            "member": {
                "fields": {
                    "id": KEY,
                    "code": {"type": "text", "unique": True},
                    "phone": {"type": "text", "pattern": "^[0-9]+$", "maxLength": 5},
                    "name": {"type": "json", "shape": {"ar": "required"}},
                    "plan": {"type": "text", "references": {"table": "plan"}},
                    "since": {"type": "date", "default": "now"},
                },
                "indexes": [{"fields": ["phone"]}],
            },
        },
    },
    SEEDS: {
        "version": 1,
        "tables": {
            "plan": [{"id": "p", "price": 5}],
            "member": [
                {"id": "a", "code": "M1", "phone": "1", "name": {"ar": "أ"}, "plan": "p"},
                {"id": "b", "code": "M2", "phone": "2", "name": {"ar": "ب"}, "plan": "p"},
            ],
        },
    },
    LIVE: {"events": [{"type": "UPDATE", "table": "plan", "data": {"id": "p", "price": 6}}]},
}
MEMBER = ("tables", "member", "fields")
SEEDED = ("tables", "member", 1)
MISTAKES: list[tuple[str, Sequence[str | int], Any]] = [
    ("branches.config.json", ("branches", "shop", "modules"), "m"),
    ("branches.config.json", ("branches", "shop", "timezone"), "Cairo"),
    ("branches.config.json", ("patterns", 0, "match"), "("),
    ("branches.config.json", ("patterns", 0, "modul"), ["m"]),
    ("modules.json", ("modules", "m", "seedPath"), "../x.json"),
    ("modules.json", ("modules", "m", "tables"), ["ghost"]),
    ("sequence-rules.json", ("defaults", "m", "member", "code", "start"), "1"),
    ("sequence-rules.json", ("defaults", "m", "member", "code", "reset"), "day"),
    ("sequence-rules.json", ("defaults", "m", "member", "phon"), {}),
    ("sequence-rules.json", ("branches",), {"ghost": {}}),
    (SCHEMA, ("version",), 9),
    (SCHEMA, ("moduleId",), "other"),
    (SCHEMA, (*MEMBER, "phone", "type"), "string"),
    (SCHEMA, (*MEMBER, "phone", "maxlength"), 5),
    (SCHEMA, (*MEMBER, "phone", "maxLength"), -5),
    (SCHEMA, (*MEMBER, "phone", "pattern"), "("),
    (SCHEMA, (*MEMBER, "name", "shape"), {"ar": "perhaps"}),
    (SCHEMA, (*MEMBER, "name", "min"), 1),
    (SCHEMA, (*MEMBER, "since", "default"), "tomorrow"),
    (SCHEMA, (*MEMBER, "since", "onUpdate"), "later"),
    (SCHEMA, (*MEMBER, "plan", "references"), {"table": "ghost"}),
    (SCHEMA, (*MEMBER, "plan", "references"), {"table": "plan", "onDelete": "explode"}),
    (SCHEMA, (*MEMBER, "plan", "references"), {"table": "member", "field": "phone"}),
    (SCHEMA, ("tables", "member", "indexes"), [{"fields": ["ghost"]}]),
    (SCHEMA, ("tables", "plan", "fields", "price", "max"), -1),
    (SCHEMA, ("tables", "plan", "fields", "price", "enum"), ["x"]),
    (SEEDS, (*SEEDED, "phone"), "x"),
    (SEEDS, (*SEEDED, "phone"), "123456"),
    (SEEDS, (*SEEDED, "name"), {"en": "b"}),
    (SEEDS, (*SEEDED, "plan"), "ghost"),
    (SEEDS, (*SEEDED, "code"), "M1"),
    (SEEDS, (*SEEDED, "id"), "a"),
    (SEEDS, (*SEEDED, "ghost"), 1),
    (SEEDS, ("tables", "plan", 0, "price"), 10),
    (SEEDS, ("tables", "ghost"), [{"id": "g"}]),
    (LIVE, ("events", 0, "type"), "UPSERT"),
    (LIVE, ("events", 0, "data", "price"), "x"),
    (LIVE, ("events", 0, "table"), "ghost"),
]


def with_mistake(content: Any, steps: Sequence[str | int], value: Any) -> Any:
    content = deepcopy(content)
    node = content
    for step in steps[:-1]:
        node = node[step]
    node[steps[-1]] = value
    return content


def lines_of(content: Any, steps: Sequence[str | int]) -> range:
    """Return the lines of our text at which the value at *steps* stands."""
    marked = pretty(with_mistake(content, steps, "here it is")).splitlines()
    first = next(i for i, line in enumerate(marked, 1) if "here it is" in line)
    value = content
    for step in steps:
        value = value[step]
    return range(first, first + len(pretty(value).splitlines()))


def pretty(content: Any) -> str:
    return json.dumps(content, ensure_ascii=False, indent=2)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    for name, content in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(pretty(content), "utf-8")
    return tmp_path


def test_the_shop_without_mistakes_has_none(run: Any, shop: Path) -> None:
    run("check", "--data", shop)


@pytest.mark.parametrize(("file", "steps", "value"), MISTAKES, ids=lambda part: str(part)[-60:])
def test_a_mistake_has_its_file_line_and_path(
    said: Any, shop: Path, file: str, steps: Sequence[str | int], value: Any
) -> None:
    content = with_mistake(FILES[file], steps, value)
    (shop / file).write_text(pretty(content), "utf-8")
    found = said("check", "--data", shop, code=1)["findings"]
    named = [finding for finding in found if finding["file"] == file]
    assert named, found
    path = "$" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
    near = [f for f in named if f["path"].startswith(path) or path.startswith(f["path"])]
    assert near, found
    own = [f for f in near if f["path"].startswith(path)]
    assert all(finding["line"] in lines_of(content, steps) for finding in own), near
    assert all(finding["line"] > 0 for finding in near)
