"""Deeds of the operator: done by the server where one runs, else in the identity store's file."""

import http.client
import ssl
import time
from collections import Counter
from collections.abc import Iterable
from hashlib import sha256
from typing import Any

import msgspec
import trio

from mishkah.catalog import Catalog
from mishkah.cli.trouble import Declined
from mishkah.clock import wall_clock
from mishkah.core.errors import Refused
from mishkah.identity.deeds import do
from mishkah.identity.hasher import Hasher
from mishkah.identity.identity import open_identity
from mishkah.identity.operator import Reach, forget_reach, make_private, read_reach
from mishkah.identity.register import OPERATOR
from mishkah.identity.tables import IDENTITY
from mishkah.identity.throttle import Throttle
from mishkah.limits import Limits
from mishkah.lock import Taken, locked
from mishkah.sqlite import SqliteJournals

PATIENCE = 5.0
"""Seconds for which a server may be starting or stopping, or another command at work."""
TIMEOUT = 30.0
"""Seconds that a server has to answer."""
_PAUSE = 0.1

_encode = msgspec.json.Encoder().encode


def ask(catalog: Catalog, deed: str, *, first: bool = False, **arguments: Any) -> Any:
    """Have *deed* done, and return what it says.

    The *first* one makes the identity store; for all others it must be there. The lock of the
    folder tells whether a server runs, so that what a killed one has left behind misleads nobody.
    Raises Declined, LookupError, CantServe.
    """
    if not first and not catalog.store_path(IDENTITY).exists():
        raise LookupError("There is no access control yet; set it up with: mishkah-trio init")
    content = _encode(arguments)
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            with locked(catalog.data):
                return _run(catalog, deed, content)
        except Taken:
            reach = read_reach(catalog.folder(IDENTITY))
            try:
                if reach is not None:
                    return _ask_server(reach, deed, content)
            except _NotThere:
                pass  # it is about to end
            if time.monotonic() > deadline:
                raise
        time.sleep(_PAUSE)


def _run(catalog: Catalog, deed: str, content: bytes) -> Any:
    told: Any = KeyboardInterrupt()
    try:
        told = trio.run(_do, catalog, deed, content)
    except* KeyboardInterrupt:
        pass
    if isinstance(told, Refused):
        raise _declined(told.said.en, ((d.path, d.text.en) for d in told.details))
    if isinstance(told, KeyboardInterrupt):
        raise told
    return told


async def _do(catalog: Catalog, deed: str, content: bytes) -> Any:
    """Do *deed* in the file; return what it says, or the refusal."""
    make_private(catalog.folder(IDENTITY))
    forget_reach(catalog.folder(IDENTITY))
    journals = SqliteJournals(catalog.store_path)
    throttle = Throttle(Limits(), Counter())
    async with open_identity(journals, wall_clock, Hasher(), throttle) as identity:
        try:
            return await do(identity, deed, content, OPERATOR, wall_clock(), catalog.roles)
        except Refused as refusal:
            return refusal


class _NotThere(Exception):
    """The server that has said how it is reached is not there; nothing was done."""


def _ask_server(reach: Reach, deed: str, content: bytes) -> Any:
    """Have the server of *reach* do *deed*. Raises Declined, _NotThere."""
    headers = {"Authorization": f"Bearer {reach.token}", "Content-Type": "application/json"}
    connection = _Plain(reach) if reach.certificate is None else _Pinned(reach)
    try:
        connection.connect()
        connection.request("POST", f"/api/v1/identity/{deed}", content, headers)
        answer = connection.getresponse()
        said = msgspec.json.decode(answer.read())
    except ConnectionRefusedError:
        raise _NotThere from None
    except (http.client.HTTPException, msgspec.DecodeError, OSError) as error:
        raise Declined("The server went away; look whether it was done") from error
    finally:
        connection.close()
    if answer.status == http.HTTPStatus.UNAUTHORIZED:
        raise _NotThere
    if answer.status != http.HTTPStatus.OK:
        raise _declined(said["detail"], ((e["path"], e["message"]) for e in said["errors"]))
    return said


class _Plain(http.client.HTTPConnection):
    def __init__(self, reach: Reach) -> None:
        super().__init__(reach.host, reach.port, timeout=TIMEOUT)


class _Pinned(http.client.HTTPSConnection):
    """Speaks to who shows one certificate, whoever has signed it and whatever its names are."""

    def __init__(self, reach: Reach) -> None:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # `connect` looks at the certificate itself
        self._expected = reach.certificate
        super().__init__(reach.host, reach.port, timeout=TIMEOUT, context=context)

    def connect(self) -> None:
        """Connect; nothing of the request, and no token, is sent before the certificate is seen."""
        super().connect()
        shown = self.sock.getpeercert(binary_form=True) or b""
        if sha256(shown).hexdigest() != self._expected:
            self.close()
            raise _NotThere


def _declined(sentence: str, details: Iterable[tuple[str, str]]) -> Declined:
    lines = [f"  {path}: {text}" for path, text in details if text != sentence]
    return Declined("\n".join([sentence, *lines]))
