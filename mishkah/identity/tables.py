"""The identity store: its name, its tables, and what must hold in them whoever writes."""

import re
from functools import cache
from importlib.resources import files

import msgspec

from mishkah.core.draft import View
from mishkah.core.errors import Invalid
from mishkah.core.ids import StoreId
from mishkah.core.judging import Rules
from mishkah.core.schema import Row
from mishkah.core.seeding import Recipe
from mishkah.core.sequences import Rule, make_sequence
from mishkah.core.soundness import read_schema
from mishkah.identity.scopes import OWNER, read_scopes, scopes_of
from mishkah.who import Who

IDENTITY = StoreId("_house", "identity")
"""No client and no configuration can name it: their branches begin with a letter or a digit."""
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}", re.ASCII)
_NUMBERS = Rule(format="{number:012d}")


def is_simple(name: str) -> bool:
    """Tell whether *name* may be the id of a person or device: 1-32 of ``a-z 0-9 . _ -``."""
    return _NAME.fullmatch(name) is not None


@cache
def identity_recipe() -> Recipe:
    """Return what opens the identity store."""
    raw = (files("mishkah.identity") / "schema" / "definition.json").read_bytes()
    schema, problems = read_schema(IDENTITY.module, msgspec.json.decode(raw))
    assert schema is not None, problems
    rules = Rules(
        schema=schema,
        sequences={
            "audit": (make_sequence("audit", "id", _NUMBERS, IDENTITY.branch, {}, strict=False),)
        },
        validators={
            "user": (has_a_simple_id, has_sound_scopes),
            "device": (has_a_simple_id, has_sound_scopes, counts_failures),
            "token": (belongs_to_one, narrows_a_program),
        },
        laws={"user": (has_an_owner,)},
    )
    return Recipe(id=IDENTITY, rules=rules)


def has_a_simple_id(new: Row, old: Row | None, view: View) -> None:
    if not is_simple(new["id"]):
        raise Invalid(
            "A name to sign in with has 1-32 small letters, digits and . _ -",
            field="id",
            ar="اسم الدخول من 1 إلى 32 من الحروف اللاتينية الصغيرة والأرقام و . _ -",
        )


def has_sound_scopes(new: Row, old: Row | None, view: View) -> None:
    read_scopes(new["scopes"])


def counts_failures(new: Row, old: Row | None, view: View) -> None:
    try:
        msgspec.convert(new["pin_failures"] or {}, dict[str, int])
    except msgspec.ValidationError:
        raise Invalid("pin_failures has numbers", field="pin_failures") from None


def belongs_to_one(new: Row, old: Row | None, view: View) -> None:
    """A device's token is the device's, every other one a person's, who must be there."""
    has, lacks = ("device", "user") if new["kind"] == "device" else ("user", "device")
    if new[has] is None or new[lacks] is not None:
        raise Invalid(
            f"A token of this kind has a {has} and no {lacks}",
            field=has,
            ar="الرمز لشخص واحد أو جهاز واحد",
        )


def narrows_a_program(new: Row, old: Row | None, view: View) -> None:
    if new["scopes"] is None:
        return
    if new["kind"] != "program" or not read_scopes(new["scopes"], any_role=True):
        raise Invalid(
            "Only a program's token has scopes of its own, one or more",
            field="scopes",
            ar="النطاقات لرموز البرامج فقط، نطاق واحد على الأقل",
        )


def manages(who: Who) -> bool:
    """Tell whether *who* may say who comes in: an owner everywhere, and not by a device's PIN."""
    return who.in_person and who.role_in(IDENTITY) == OWNER


def has_an_owner(view: View) -> None:
    """There is somebody who can sign in and manage the rest, or else nobody could any more."""
    for row in view.rows("user"):
        scopes = scopes_of(row["scopes"])
        if row["password_hash"] and not row["disabled"] and manages(Who(scopes=scopes)):
            return
    raise Invalid(
        "There must be an owner of everything who is not disabled and has a password",
        ar="يجب أن يبقى مالك واحد على الأقل غير موقوف وله كلمة مرور",
    )
