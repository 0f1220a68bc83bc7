"""What a store's file holds beside its rows, and how much there is of everything."""

from typing import Any

import msgspec

from mishkah.sqlite.tables import checksum

HOUSE = """
CREATE TABLE _meta (
  key TEXT PRIMARY KEY NOT NULL, value, sum INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE _log (
  seq INTEGER PRIMARY KEY, at TEXT NOT NULL, sum INTEGER NOT NULL,
  client TEXT, ref, user TEXT, counters TEXT NOT NULL, changes TEXT NOT NULL,
  device TEXT, session TEXT);
CREATE TABLE _names (
  client TEXT NOT NULL, ref TEXT NOT NULL, seq INTEGER NOT NULL, digest BLOB NOT NULL,
  sum INTEGER NOT NULL, PRIMARY KEY (client, ref)) WITHOUT ROWID;
CREATE TABLE _counters (
  tbl TEXT NOT NULL, field TEXT NOT NULL, period TEXT NOT NULL, number INTEGER NOT NULL,
  sum INTEGER NOT NULL, PRIMARY KEY (tbl, field, period)) WITHOUT ROWID;
"""
"""The log, the names of writes, the counters, and what is said of the whole."""

FORMAT = 2
"""What `_meta` says of all this."""
OLDER = 1
"""The format of a log without *device* and *session*."""
FROM_OLDER = "ALTER TABLE _log ADD COLUMN device TEXT; ALTER TABLE _log ADD COLUMN session TEXT"
"""What makes a file of the older format one of this; its lines stay as they are."""

ENTRY = "seq,at,client,ref,user,counters,changes,device,session"
"""The columns of a line of the log that `entry_sum` counts."""
ENTRIES = {OLDER: ENTRY.replace("device,session", "NULL,NULL"), FORMAT: ENTRY}
"""The same, as they are read from a file of either format."""


class Head(msgspec.Struct):
    """Where the history ends, and [lines, sum of their checksums] of every table.

    *schema* is the last commit that changed the schema, 0 where none did.

    It is brought up to date by every commit, so that a page that was lost is noticed.
    """

    seq: int = 0
    schema: int = 0
    tables: dict[str, list[int]] = {}
    names: list[int] = msgspec.field(default_factory=lambda: [0, 0])
    log: list[int] = msgspec.field(default_factory=lambda: [0, 0])
    counters: list[int] = msgspec.field(default_factory=lambda: [0, 0])

    def encode(self) -> str:
        return msgspec.json.encode(self).decode()

    @staticmethod
    def decode(text: str) -> "Head":
        return msgspec.json.decode(text, type=Head)


def add(total: list[int], lines: int, sums: int) -> None:
    """Count *lines* more, whose checksums are *sums* more."""
    total[0] += lines
    total[1] += sums


def entry_sum(*line: Any) -> int:
    """Return the checksum of one line of the log, whose `ENTRY` is *line*.

    Device and session join it only where there is one of them: a line of the older format keeps
    the checksum that it was written with.
    """
    *told, device, session = line
    return checksum(*(told if device is None and session is None else line))


def name_sum(client: str, ref: str, seq: int, digest: bytes) -> int:
    """Return the checksum of one line of `_names`."""
    return checksum(client, ref, seq, digest.hex())
