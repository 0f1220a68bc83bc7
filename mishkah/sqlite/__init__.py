"""The journal's promise kept in SQLite, one file per store."""

from mishkah.sqlite.backup import back_up, restore, verified
from mishkah.sqlite.file import SchemaBlocked, StoreFile
from mishkah.sqlite.journal import SqliteJournals
from mishkah.sqlite.migrating import Plan

__all__ = ["Plan", "SchemaBlocked", "SqliteJournals", "StoreFile", "back_up", "restore", "verified"]
