"""The journal's promise kept in SQLite, one file per store."""

from mishkah.sqlite.file import SchemaBlocked, StoreFile
from mishkah.sqlite.journal import SqliteJournals

__all__ = ["SchemaBlocked", "SqliteJournals", "StoreFile"]
