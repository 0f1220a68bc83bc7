"""Houses in memory, on virtual time."""

from pathlib import Path

import pytest

from mishkah.testing import write_installation

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
