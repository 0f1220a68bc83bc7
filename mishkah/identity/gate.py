"""The gate of a house with access control: who people are, and what their roles come to."""

from collections.abc import Callable, Collection

from mishkah.clock import Clock
from mishkah.core.access import OWNER, Role, grant_of
from mishkah.core.errors import AuthRequired
from mishkah.core.grants import Grant, TableGrant
from mishkah.core.ids import StoreId
from mishkah.core.reach import HOUSE, Scope
from mishkah.core.schema import Schema
from mishkah.identity.identity import Identity
from mishkah.identity.register import OPERATOR
from mishkah.identity.tokens import is_secret, new_token, split_token
from mishkah.who import PUBLIC, Who

MAX_GRANTS = 10_000
"""Grants that are kept ready."""

Roles = tuple[dict[str, Role], tuple[Scope, ...]]
"""The roles by name, and what who brings no token may do."""


class ClosedGate:
    """Lets in whom *identity* knows, to do what their roles allow. *read* reads the roles anew.

    It raises BadFile where they can't be read.
    """

    def __init__(self, identity: Identity, read: Callable[[], Roles], clock: Clock) -> None:
        self.identity = identity
        self.changes = identity.changes
        self._clock = clock
        self._read = read
        self._roles, self._public = read()
        self._grants: dict[tuple[str, StoreId, str | None], Grant] = {}
        self._operator: str | None = None

    @property
    def roles(self) -> Collection[str]:
        """The names of all roles there are."""
        return self._roles.keys()

    def admit_operator(self) -> str:
        """Return a token by which `OPERATOR` comes in until this gate is no more.

        It replaces the one before, if there was one; only its hash is kept.
        """
        token = new_token(OPERATOR.session)
        self._operator = token.hash
        return token.text

    def now(self) -> float:
        return self._clock().timestamp()

    def identify(self, token: str | None) -> Who:
        if token is None:
            if not self._public:
                raise AuthRequired
            return Who(owner=PUBLIC, scopes=self._public)
        identifier, secret = split_token(token)
        if identifier == OPERATOR.session and is_secret(secret, self._operator):
            return OPERATOR
        return self.identity.identify(token, self._clock())

    def again(self, who: Who) -> Who:
        if who == OPERATOR:
            return who
        if who.session is not None:
            return self.identity.again(who.session, self._clock())
        return Who(owner=PUBLIC, scopes=self._public) if who.owner == PUBLIC else who

    def may_enter(self, who: Who, store: StoreId) -> bool:
        name = who.role_in(store)
        role = None if name is None else self._roles.get(name)
        if role is None:
            return False
        if store.branch == HOUSE and not (name == OWNER and who.in_person):
            return False
        return any(rule.allow and rule.reaches(store) for rule in role.rules)

    def grant(self, who: Who, store: StoreId, schema: Schema) -> Grant:
        name = who.role_in(store)
        role = None if name is None else self._roles.get(name)
        if name is None or role is None:
            return Grant(schema, {})
        key = (name, store, who.user if role.asks_user else None)
        known = self._grants.get(key)
        if known is None or known.whole is not schema:
            if len(self._grants) >= MAX_GRANTS:
                self._grants.clear()
            known = grant_of(role, store, schema, who.user)
            known = self._grants[key] = _looked_at(known) if store.branch == HOUSE else known
        return known

    def read_again(self) -> None:
        """Take the roles as their files have them now. Raises BadFile; then they stay."""
        self._roles, self._public = self._read()
        self._grants.clear()
        self.changes.note()


def _looked_at(grant: Grant) -> Grant:
    """Return *grant* without leave to write: the house's own stores are written by the house."""
    return Grant(
        grant.whole,
        {
            name: TableGrant(table=one.table, shown=one.shown, held=one.held)
            for name, one in grant.tables.items()
        },
    )
