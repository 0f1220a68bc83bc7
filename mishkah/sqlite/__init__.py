"""The journal's promise kept in SQLite, one file per store."""

from mishkah.sqlite.file import StoreFile
from mishkah.sqlite.journal import SqliteJournals

__all__ = ["SqliteJournals", "StoreFile"]
