"""A shop's data folder, and a certificate."""

import os
from importlib.util import find_spec
from pathlib import Path

import pytest
from support.knocking import Tls

from mishkah.testing import write_installation

collect_ignore = [] if find_spec("playwright") else ["browser"]
"""A real browser is for who has its driver; the session `browser` brings it."""

TABLES = {
    "item": {
        "fields": {
            "id": {"type": "text", "primaryKey": True},
            "name": {"type": "text"},
            "code": {"type": "text"},
            "email": {"type": "text", "unique": True},
            "qty": {"type": "integer", "default": 1},
            "price": {"type": "decimal"},
            "info": {"type": "json"},
        },
        "indexes": [{"fields": ["name"]}],
    },
    "note": {"fields": {"id": {"type": "text", "primaryKey": True}, "text": {"type": "text"}}},
}
RULES = {"item": {"code": {"prefix": "C", "start": 1, "format": "{prefix}-{number:03d}"}}}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_installation(
        tmp_path / "data",
        TABLES,
        rules=RULES,
        seeds={"note": [{"id": "n1", "text": "hello"}]},
        branches={"patterns": [{"match": "^shop:", "modules": ["m"]}], "maxPatternBranches": 3},
    )


@pytest.fixture
def folders(data: Path) -> Path:
    """A data folder with pages, and with things beside them that nobody may see."""
    (data / "static" / "pos" / ".git").mkdir(parents=True)
    (data / "projects" / "my app").mkdir(parents=True)
    (data / "static" / "empty").mkdir()
    for name, content in {
        "static/index.html": b"<script>own()</script>",
        "static/pos/pos-mini-db.js": b"export const a = 1;",
        "static/letters.txt": b"abcdefghijklmnopqrstuvwxyz",
        "static/.secret": b"no",
        "static/pos/.git/config": b"no",
        "projects/my app/index.html": "<p>مرحبا</p>".encode(),
        "projects/my app/منيو.mjs": b"export {};",
        "projects/my app/app.webmanifest": b"{}",
    }.items():
        (data / name).write_bytes(content)
    (data / "staticfiles.txt").write_bytes(b"no")
    (data / "static" / "out.json").symlink_to(data / "branches.config.json")
    (data / "static" / "way").symlink_to(data)
    (data / "static" / "hidden").symlink_to(data / "static" / ".secret")
    (data / "static" / "loop").symlink_to(data / "static" / "loop")
    (data / "static" / "inside.txt").symlink_to(data / "static" / "letters.txt")
    os.mkfifo(data / "static" / "pipe")
    return data


@pytest.fixture(scope="session")
def tls() -> Tls:
    return Tls()
