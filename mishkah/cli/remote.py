"""What the commands that speak to a running server share: where it is, and how they end."""

import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import wraps
from pathlib import Path
from typing import Any

import msgspec
import rich_click as click
import trio

from mishkah.cli.common import json_option, printable
from mishkah.cli.lists import draw
from mishkah.client import Database, Refusal, Unreachable, connect
from mishkah.core.errors import AuthExpired, AuthRequired
from mishkah.core.values import number

UNREACHABLE = 3
REFUSED = 4
INTERRUPTED = 130

_OPTIONS = (
    click.option("--url", default="ws://127.0.0.1:8080", show_default=True, envvar="MISHKAH_URL",
                 help="The server."),
    click.option("--branch", required=True, envvar="MISHKAH_BRANCH", help="The branch."),
    click.option("--module", envvar="MISHKAH_MODULE",
                 help="The module; the branch's first unless given."),
    click.option("--token-file", type=click.Path(path_type=Path, dir_okay=False),
                 help="A file with the token that lets you in."),
    click.option("--token", envvar="MISHKAH_TOKEN",
                 help="The token itself; others on this machine see it: prefer --token-file."),
    click.option("--timeout", default=10.0, show_default=True, metavar="SECONDS",
                 type=click.FloatRange(min=0.1), help="How long the server has to answer."),
    json_option,
)  # fmt: skip
_NAMES = (
    click.option("--client", help="The name of who writes, under which a --ref is done once."),
    click.option("--ref", help="The name of this write: the same again changes nothing."),
)

_HOW_TO_SIGN_IN = "  sign in: --token-file FILE, with what `mishkah-trio token create` prints"

_ONE = ("field", "value")
"""How one row is drawn: a line for each field."""

_encode = msgspec.json.Encoder(decimal_format="number").encode
_decode = msgspec.json.Decoder(float_hook=number).decode


class Place(msgspec.Struct, frozen=True):
    """Where a command speaks to, and how; the token is that of *token_file* where there is one."""

    url: str
    branch: str
    module: str | None
    timeout: float
    as_json: bool
    given_token: str | None
    token_file: Path | None

    def token(self) -> str | None:
        """Return what to show to be let in, as it is now. Raises OSError."""
        if self.token_file is None:
            return self.given_token
        return self.token_file.read_text("utf-8", errors="replace").strip()


Command = Callable[..., None]


def on_server(command: Command) -> Command:
    """Give *command* the options that make its `Place`, which is its first argument."""

    @wraps(command)
    def with_place(
        url: str, branch: str, module: str | None, timeout: float, as_json: bool,
        token: str | None, token_file: Path | None, **more: Any,
    ) -> None:  # fmt: skip
        command(Place(url, branch, module, timeout, as_json, token, token_file), **more)

    return _with(_OPTIONS, with_place)


def named(command: Command) -> Command:
    """Give *command* the options that name a write."""
    return _with(_NAMES, command)


def _with(options: Iterable[Callable[[Command], Command]], command: Command) -> Command:
    for option in reversed([*options]):
        command = option(command)
    return command


def json_value(context: click.Context, param: click.Parameter, text: str | None) -> Any:
    """Read the JSON of an option; numbers stay exact."""
    try:
        return None if text is None else _decode(text)
    except (msgspec.MsgspecError, UnicodeError, ValueError, RecursionError):
        raise click.BadParameter("this is not JSON") from None


def objects(text: str) -> list[dict[str, Any]]:
    """Return the JSON objects in *text*: one, a list of them, or one on each line."""
    try:
        try:
            found = _decode(text)
        except msgspec.DecodeError:
            found = [_decode(line) for line in text.splitlines() if line.strip()]
    except (msgspec.MsgspecError, UnicodeError, ValueError, RecursionError):
        raise click.UsageError("This is not JSON.") from None
    rows = found if isinstance(found, list) else [found]
    if not rows or not all(isinstance(row, dict) for row in rows):
        raise click.UsageError('Rows are JSON objects, like \'{"id": "a"}\'.')
    return rows


def given(text: str) -> str:
    """Return *text*, or what stands on stdin where it is a dash."""
    return sys.stdin.read() if text == "-" else text


def speak(place: Place, work: Callable[[Database], Awaitable[None]], **how: Any) -> None:
    """Connect, do *work*, and end with the exit code that says how it went.

    *how* goes to `connect`. Without a view in it, the command only writes and asks.
    """
    try:
        how = {"tables": [], "token": place.token(), **how}
        connection = connect(place.url, place.branch, place.module, **how)
    except ValueError as wrong:
        raise click.UsageError(str(wrong)) from None
    except OSError as wrong:
        raise click.UsageError(f"{place.token_file}: {wrong.strerror}") from None

    async def run() -> None:
        async with connection as database:
            await work(database)

    code = 0
    try:
        trio.run(run)
    except* KeyboardInterrupt:
        code = INTERRUPTED
    except* Refusal as group:
        for refusal in _leaves(group):
            _tell(refusal)
        code = REFUSED
    except* Unreachable as group:
        for error in _leaves(group):
            click.echo(printable(f"{place.url}: {error}"), err=True)
        code = UNREACHABLE
    except* trio.TooSlowError:
        click.echo(f"{place.url}: no answer within {place.timeout:g} s", err=True)
        code = UNREACHABLE
    if code:
        raise SystemExit(code)


def _leaves(group: BaseExceptionGroup[Any]) -> Iterable[Any]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error


def _tell(refusal: Refusal) -> None:
    click.echo(printable(str(refusal)), err=True)
    for detail in refusal.details:
        line = f"  {detail.get('path', '')}: {detail.get('message', '')}"
        click.echo(printable(line), err=True)
    if refusal.more:
        click.echo(f"  and {refusal.more} more", err=True)
    if refusal.code in (AuthRequired.code, AuthExpired.code):
        click.echo(_HOW_TO_SIGN_IN, err=True)
    if refusal.current is not None:
        click.echo(f"  now it is {encoded(refusal.current)}", err=True)


def encoded(value: object) -> str:
    """Return *value* as JSON on one line, decimals exact."""
    return _encode(value).decode()


def show_rows(rows: Iterable[Mapping[str, Any] | None], place: Place) -> None:
    """Print *rows*: a table for a person, a JSON object on each line for all others."""
    there = [row for row in rows if row is not None]
    if place.as_json or not sys.stdout.isatty():
        for row in there:
            click.echo(encoded(row))
    elif len(there) == 1:
        draw([{"field": name, "value": value} for name, value in there[0].items()], _ONE)
    elif there:
        draw(there, list(dict.fromkeys(name for row in there for name in row)))
