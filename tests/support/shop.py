"""The shop that crash tests keep: its tables, and the numbers that its rows are given."""

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
    "bill": {
        "fields": {
            "id": {"type": "text", "primaryKey": True},
            "item": {"type": "text"},
            "total": {"type": "decimal"},
            "paid": {"type": "boolean", "default": False},
        }
    },
}
NUMBERED = {"item": ("code", "C-{:05d}"), "bill": ("id", "B{:06d}")}
"""Table → its field with a sequence, and how that writes a number."""
RULES = {
    "item": {"code": {"prefix": "C", "start": 1, "format": "{prefix}-{number:05d}"}},
    "bill": {"id": {"prefix": "B", "start": 1, "format": "{prefix}{number:06d}"}},
}
