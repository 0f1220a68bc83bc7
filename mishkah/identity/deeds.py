"""What owners may ask of the identity store, by name: one table for commands and for HTTP."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec

from mishkah.core.errors import (
    BadMessage,
    BrokenReference,
    Detail,
    Duplicate,
    InvalidRow,
    NotFound,
    Text,
    pointer,
)
from mishkah.identity.identity import Identity
from mishkah.identity.register import may_manage
from mishkah.identity.scopes import Scopes
from mishkah.who import ANY, Who

Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class Deed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thing to ask for, with what it needs."""

    async def done(self, identity: Identity, by: Who, now: datetime) -> Any:
        """Let *by* do it; return a JSON value. Raises what the method of *identity* does."""
        raise NotImplementedError


class _Of(Deed, frozen=True):
    user: str


class _OfDevice(Deed, frozen=True):
    device: str


class Users(Deed, frozen=True):
    async def done(self, identity: Identity, by: Who, now: datetime) -> Any:
        return identity.register.users(by)


class CreateUser(_Of, frozen=True):
    name: str = ""
    scopes: Scopes = ()
    password: str | None = None
    pin: str | None = None

    async def done(self, identity: Identity, by: Who, now: datetime) -> Any:
        await identity.register.create_user(
            by, self.user, now,
            name=self.name, scopes=self.scopes, password=self.password, pin=self.pin,
        )  # fmt: skip


class ChangeUser(_Of, frozen=True):
    name: str | None = None
    scopes: Scopes | None = None

    async def done(self, identity: Identity, by: Who, now: datetime) -> Any:
        await identity.register.change_user(by, self.user, now, name=self.name, scopes=self.scopes)


class SetPassword(_Of, frozen=True):
    password: str

    async def done(self, identity: Identity, by: Who, now: datetime) -> Any:
        await identity.register.set_password(by, self.user, self.password, now)


class SetPin(_Of, frozen=True):
    pin: str | None

    async def done(self, identity: Identity, by: Who, now: datetime) -> Any:
        await identity.register.set_pin(by, self.user, self.pin, now)


class DisableUser(_Of, frozen=True):
    async def done(self, identity: Identity, by: Who, now: datetime) -> Any:
        await identity.register.disable_user(by, self.user, now)


class EnableUser(_Of, frozen=True):
    async def done(self, identity: Identity, by: Who, now: datetime) -> Any:
        await identity.register.enable_user(by, self.user, now)


class EndSessions(_Of, frozen=True):
    async def done(self, identity: Identity, by: Who, now: datetime) -> Any:
        return {"ended": await identity.register.end_sessions(by, self.user, now)}


class Tokens(Deed, frozen=True):
    async def done(self, identity: Identity, by: Who, now: datetime) -> Any:
        return identity.register.tokens(by)


class CreateToken(_Of, frozen=True):
    label: str = ""
    scopes: Scopes | None = None
    expires: Moment | None = None

    def __post_init__(self) -> None:
        if self.expires is not None:
            self.expires.astimezone(UTC)  # a moment before or after all years raises OverflowError

    async def done(self, identity: Identity, by: Who, now: datetime) -> Any:
        token = await identity.register.create_token(
            by, self.user, now, label=self.label, scopes=self.scopes, expires=self.expires
        )
        return {"token": token}


class RevokeToken(Deed, frozen=True):
    token: str

    async def done(self, identity: Identity, by: Who, now: datetime) -> Any:
        await identity.register.revoke_token(by, self.token, now)


class Devices(Deed, frozen=True):
    async def done(self, identity: Identity, by: Who, now: datetime) -> Any:
        return identity.register.devices(by)


class CreateCode(_OfDevice, frozen=True):
    label: str = ""
    scopes: Scopes | None = None

    async def done(self, identity: Identity, by: Who, now: datetime) -> Any:
        code = await identity.devices.create_code(
            by, self.device, now, label=self.label, scopes=self.scopes
        )
        return {"code": code}


class ChangeDevice(_OfDevice, frozen=True):
    label: str | None = None
    scopes: Scopes | None = None

    async def done(self, identity: Identity, by: Who, now: datetime) -> Any:
        await identity.register.change_device(
            by, self.device, now, label=self.label, scopes=self.scopes
        )


class DisableDevice(_OfDevice, frozen=True):
    async def done(self, identity: Identity, by: Who, now: datetime) -> Any:
        await identity.register.disable_device(by, self.device, now)


class EnableDevice(_OfDevice, frozen=True):
    async def done(self, identity: Identity, by: Who, now: datetime) -> Any:
        await identity.register.enable_device(by, self.device, now)


DEEDS: Mapping[str, type[Deed]] = {
    "users": Users,
    "create_user": CreateUser,
    "change_user": ChangeUser,
    "set_password": SetPassword,
    "set_pin": SetPin,
    "disable_user": DisableUser,
    "enable_user": EnableUser,
    "end_sessions": EndSessions,
    "tokens": Tokens,
    "create_token": CreateToken,
    "revoke_token": RevokeToken,
    "devices": Devices,
    "create_code": CreateCode,
    "change_device": ChangeDevice,
    "disable_device": DisableDevice,
    "enable_device": EnableDevice,
}


async def do(
    identity: Identity,
    name: str,
    arguments: bytes,
    by: Who,
    now: datetime,
    roles: Collection[str],
) -> Any:
    """Do the deed *name* with *arguments*, a JSON object; return a JSON value, None for no news.

    *roles* are those that there are. Raises Forbidden unless *by* manages the house, NotFound where
    there is no such deed, or nobody whom it is about, BadMessage for arguments of another shape,
    InvalidRow for other roles, and what the deed itself raises.
    """
    may_manage(by)
    kind = DEEDS.get(name)
    if kind is None:
        raise NotFound(_NO_DEED)
    try:
        deed = msgspec.json.decode(arguments, type=kind)
    except (msgspec.MsgspecError, UnicodeError, RecursionError, OverflowError):
        raise BadMessage(_takes(kind)) from None
    named: Scopes = getattr(deed, "scopes", None) or ()
    if not {scope.role for scope in named} <= {*roles, ANY}:
        raise InvalidRow(None, (Detail(pointer("scopes"), "role", _no_role(roles)),))
    try:
        return await deed.done(identity, by, now)
    except (NotFound, BrokenReference):
        raise NotFound(_NOT_THERE) from None
    except Duplicate:
        raise Duplicate(_THERE) from None


def _takes(kind: type[Deed]) -> Text:
    fields = ", ".join(kind.__struct_fields__)
    return Text(
        f"This takes a JSON object of: {fields or 'nothing'}",
        f"يأخذ هذا كائن JSON من: {fields or 'لا شيء'}",
    )


def _no_role(roles: Collection[str]) -> Text:
    known = ", ".join(sorted(roles))
    return Text(
        f"There is no such role; there are: {known}", f"لا دور بهذا الاسم، الأدوار: {known}"
    )


_NOT_THERE = Text("There is no such person, device or token", "لا شخص ولا جهاز ولا رمز بهذا الاسم")
_THERE = Text("There is already somebody of this name", "يوجد شخص بهذا الاسم من قبل")
_NO_DEED = Text("There is no such deed", "لا يوجد إجراء بهذا الاسم")
