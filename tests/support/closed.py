"""Who comes to a house with access control, and what nobody may be told of it: all made up here."""

import json
import re
from collections.abc import Iterator
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import argon2

from mishkah.core.messages import Insert
from mishkah.identity.tokens import digest
from mishkah.testing import write_json
from support.identity import CHEAP

FAR, PAST = "2999-01-01T00:00:00.000Z", "2001-01-01T00:00:00.000Z"
WAGES = "what Amal earns"
DEPOT = "what the depot has"
ROLES = {
    "seller": {
        "rules": [
            {"do": ["read"], "tables": ["item"], "except": ["code"]},
            {"do": ["read"], "tables": ["note"]},
            {"do": ["read", "update"], "branches": ["_house"]},
            {"do": ["insert", "update"], "tables": ["item"], "except": ["price"]},
        ]
    }
}
"""A seller sees no wages and no codes, sets no price, deletes nothing, and writes no note.

The house's own store is for owners, whatever else a role says, and not for devices.
"""
PEOPLE: dict[str, dict[str, Any]] = {
    "mona": {"scopes": [{"role": "owner"}]},
    "amal": {"scopes": [{"role": "seller", "branches": ["shop"]}]},
    "dina": {"scopes": [{"role": "seller", "branches": ["depot"]}]},
    "huda": {"scopes": [{"role": "owner"}], "disabled": True},
    "salim": {"scopes": [{"role": "seller"}]},
}
PINS = {
    "mona": "97531862",
    "amal": "47110815",
    "dina": "35820164",
    "salim": "90617352",
    "huda": "62847193",
}
DEVICES: dict[str, dict[str, Any]] = {
    "till": {"scopes": [{"role": "seller", "branches": ["shop"]}]},
    "stolen": {"scopes": [{"role": "seller", "branches": ["shop"]}], "disabled": True},
    "desk": {"scopes": [{"role": "owner"}]},
    "screen": {"scopes": []},
}
TOKENS: dict[str, dict[str, Any]] = {
    "mona": {"kind": "program", "user": "mona"},
    "monas-page": {"kind": "session", "user": "mona", "expires": FAR},
    "amal": {"kind": "program", "user": "amal"},
    "amals-page": {"kind": "session", "user": "amal", "expires": FAR},
    "dina": {"kind": "program", "user": "dina"},
    "salim": {"kind": "program", "user": "salim"},
    "huda": {"kind": "program", "user": "huda"},
    "late": {"kind": "program", "user": "amal", "expires": PAST},
    "gone": {"kind": "program", "user": "amal", "revoked": PAST},
    "till": {"kind": "device", "device": "till"},
    "stolen": {"kind": "device", "device": "stolen"},
    "desk": {"kind": "device", "device": "desk"},
}
CODES = {"new": ("QRST7892", FAR), "old": ("WXYZ4563", PAST)}


def secret(name: str) -> str:
    """Return the secret of a token: 43 characters, as real ones have."""
    return sha256(name.encode()).hexdigest()[:43]


def password(user: str) -> str:
    return f"two words of {user}"


NAMES: dict[str, str] = {
    **{name: f"mk_{name}_{secret(name)}" for name in (*TOKENS, "nobody")},
    **{f"{name}.secret": secret(name) for name in TOKENS},
    **{f"{user}.password": password(user) for user in PEOPLE},
    **{f"{user}.pin": pin for user, pin in PINS.items()},
    **{f"code.{name}": text for name, (text, _) in CODES.items()},
}
"""What stands in braces in a case: a token, or one of the secrets."""
PLAIN = re.compile("|".join({text.rpartition("_")[2] for text in NAMES.values()}).encode())
"""All of these, without what tokens say in the open."""
KEPT = {f"{name}.kept": digest(secret(name)) for name in TOKENS}
"""What stands for what is kept of a token's secret."""
TOKEN = re.compile(rb"mk_[a-z0-9-]+_[\w-]{20,}")
"""Any token: one of these, a new one, or the operator's."""
HIDDEN = re.compile(rb"argon2|_hash\b|\b[0-9a-f]{64}\b|" + f"{WAGES}|{DEPOT}".encode())
"""What is kept of secrets, and rows that only Mona may read."""


def check_told(told: bytes, *, gives: bool = False) -> None:
    """See that *told* has no secret in it, but one new token where it *gives* one."""
    tokens = {token.decode() for token in TOKEN.findall(told)}
    assert len(tokens) == gives, told
    assert not tokens & {*NAMES.values()}, told
    assert not PLAIN.search(told), told
    assert not HIDDEN.search(told), told


@cache
def rows() -> tuple[Insert, ...]:
    """Return what furnishes the identity store."""
    return tuple(_rows())


def _rows() -> Iterator[Insert]:
    argon = argon2.PasswordHasher.from_parameters(CHEAP)
    for user, more in PEOPLE.items():
        kept = {"password_hash": argon.hash(password(user)), "pin_hash": argon.hash(PINS[user])}
        yield Insert(table="user", data={"id": user, **kept, **more})
    for device, more in DEVICES.items():
        yield Insert(table="device", data={"id": device, **more})
    for name, more in TOKENS.items():
        yield Insert(table="token", data={"id": name, "hash": digest(secret(name)), **more})
    for name, (text, expires) in CODES.items():
        data = {"id": name, "hash": digest(text), "device": "screen", "expires": expires}
        yield Insert(table="code", data=data)


def furnish(data: Path) -> None:
    """Write, beside the shop, a depot, a table of wages, and the roles."""
    module = data / "branches" / "shop" / "modules" / "m"
    definition = module / "schema" / "definition.json"
    tables = json.loads(definition.read_bytes())["tables"]
    key = {"type": "text", "primaryKey": True}
    hidden = {"type": "text", "secret": True}
    wage = {"fields": {"id": key, "note": {"type": "text"}, "key": hidden}}
    write_json(definition, {"tables": {**tables, "wage": wage}})
    seeds = {
        "note": [{"id": "n1", "text": "hello"}],
        "item": [{"id": "i1", "name": "tea", "code": "C-007", "email": "a@example.org"}],
        "wage": [{"id": "w1", "note": WAGES, "key": WAGES}],
    }
    write_json(module / "seeds" / "initial.json", {"tables": seeds})
    depot = data / "branches" / "depot" / "modules" / "m" / "seeds"
    depot.mkdir(parents=True, exist_ok=True)
    write_json(depot / "initial.json", {"tables": {"note": [{"id": "d1", "text": DEPOT}]}})
    listed = {"shop": {"modules": ["m"]}, "depot": {"modules": ["m"]}}
    patterns = [{"match": "^shop:", "modules": ["m"]}]
    write_json(data / "branches.config.json", {"branches": listed, "patterns": patterns})
    write_json(data / "access.json", {"version": 1, "roles": ROLES})
