"""The journal's promise kept in SQLite, one file per store."""

from mishkah.sqlite.backup import back_up, restore, verified
from mishkah.sqlite.file import SchemaBlocked, StoreFile
from mishkah.sqlite.journal import SqliteJournals
from mishkah.sqlite.migrating import Plan
from mishkah.sqlite.snapshot import read_row_history, read_state

__all__ = [
    "Plan",
    "SchemaBlocked",
    "SqliteJournals",
    "StoreFile",
    "back_up",
    "read_row_history",
    "read_state",
    "restore",
    "verified",
]
