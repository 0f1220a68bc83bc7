"""`export` and `import`: rows to files and back, through the rules that every write obeys."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import TypeVar

import rich_click as click

from mishkah.checking import located
from mishkah.cli.common import FINDINGS, data_option, json_option, of_branch, of_module, tell
from mishkah.cli.trouble import file_of, load_catalog, there, trouble
from mishkah.clock import wall_clock
from mishkah.core import exchange
from mishkah.core.errors import Finding
from mishkah.core.seeding import Live, Seeded, as_fields, read_seeds
from mishkah.core.values import stamp
from mishkah.jsonfile import BadFile, parse_json, placing, shape
from mishkah.lock import locked
from mishkah.sqlite import StoreFile, read_state

T = TypeVar("T")


@click.command("export")
@of_branch
@of_module
@data_option
@click.option("--format", "form", type=click.Choice(["seeds", "events", "ndjson", "csv"]),
              default="seeds", show_default=True, help="The shape of what is written.")  # fmt: skip
@click.option("--table", "tables", multiple=True, help="Only this table; csv needs one.")
@click.option("--out", type=click.Path(path_type=Path), help="A file in place of stdout.")
def export(
    branch: str, module: str, data: Path, form: str, tables: tuple[str, ...], out: Path | None
) -> None:
    """Write the rows of a store, as they are at one moment; it may be served meanwhile."""
    with trouble():
        catalog = load_catalog(data)
        store = there(catalog.resolve(branch, module))
        state = read_state(file_of(catalog, store), module)
        if unknown := [name for name in tables if name not in state.tables]:
            raise LookupError(f"There is no table {unknown[0]}.")
        if form == "csv" and len(tables) != 1:
            raise LookupError("csv is one table: name it with --table.")
        at = stamp(wall_clock())
        meta = {"branchId": branch, "moduleId": module, "generatedAt": at}
        pieces = {
            "seeds": lambda: exchange.as_seeds(state, tables, meta),
            "events": lambda: exchange.as_events(state, tables, meta, at),
            "ndjson": lambda: exchange.as_ndjson(state, tables),
            "csv": lambda: exchange.as_csv(state, tables[0]),
        }[form]()
        if out is None:
            sys.stdout.buffer.writelines(pieces)
            sys.stdout.flush()
        else:
            rows = sum(len(state.tables[name].records) for name in tables or state.tables)
            _write(out, pieces, rows)


def _write(out: Path, pieces: Iterator[bytes], rows: int) -> None:
    """Write *out* whole, or leave it as it was. There is about a piece for each of the *rows*."""
    draft = out.with_name(f"{out.name}.new")
    with draft.open("wb") as file, _progress(pieces, "exporting", rows) as shown:
        file.writelines(shown)
    draft.replace(out)


def _progress(things: Iterable[T], label: str, length: int) -> AbstractContextManager[Iterable[T]]:
    """Return *things*, with a bar on a terminal that fills as they are taken."""
    hidden = not sys.stderr.isatty()
    return click.progressbar(things, length, label, file=sys.stderr, hidden=hidden)


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@of_branch
@of_module
@data_option
@click.option("--table", help="The table of a .csv file.")
@click.option("--partial", is_flag=True, help="Import the good lines, report the others.")
@json_option
def import_(
    file: Path, branch: str, module: str, data: Path, table: str | None, partial: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Insert the rows of a .json, .ndjson or .csv FILE; the server must be stopped.

    A .json file is of seeds or of events, as `export` writes them; .ndjson has {"table", "data"} a
    line, and .csv one table.

    Every row obeys the schema, the references and the validators; numbers move their counters.
    Nothing is imported where a line is refused, unless --partial.
    """
    findings: list[Finding] = []
    count, content = 0, b""
    with trouble():
        catalog = load_catalog(data)
        store = there(catalog.resolve(branch, module))
        rules = catalog.recipe(store).rules
        with (
            locked(catalog.data),
            closing(StoreFile(catalog.store_path(store), rules.schema)) as kept,
        ):
            filling = Seeded(rules, wall_clock(), kept.load())
            content = file.read_bytes()
            try:
                _fill(filling, file, content, table, partial)
            except BadFile as bad:
                findings = list(bad.findings)
            else:
                findings = filling.findings
                if filling.commits and (partial or not findings):
                    kept.append(filling.commits)  # in one transaction: a kill leaves all or nothing
                    count = sum(len(commit.changes) for commit in filling.commits)
    text = content.decode(errors="replace") if file.suffix == ".json" else None
    tell(located(findings, lambda _: text), as_json=as_json)  # elsewhere a place is a line already
    click.echo(f"{count} rows imported, {len(findings)} complaints.", err=True)
    if findings:
        raise SystemExit(FINDINGS)


def _fill(filling: Seeded, file: Path, content: bytes, table: str | None, partial: bool) -> None:
    """Draw what *file* says: all together, or line by line where some may be refused."""
    name = file.name
    if file.suffix == ".json":
        raw = parse_json(name, content)
        if isinstance(raw, dict) and "events" in raw:
            filling.replay(name, shape(name, raw, Live))
            return
        with placing(name):
            lines = read_seeds(raw, filling.state.schema)
    else:
        found = _lines(filling, name, content, file.suffix, table)
        with _progress(found, "reading", content.count(b"\n")) as shown:
            schema = filling.state.schema
            lines = [(place, into, as_fields(row, into, schema)) for place, into, row in shown]
    if partial:
        _insert_each(filling, name, lines)
    else:
        filling.insert(name, lines)


def _insert_each(filling: Seeded, name: str, lines: list[exchange.Line]) -> None:
    """Insert line by line; what is refused has another turn: it may refer to a later line."""
    while lines:
        refused: list[exchange.Line] = []
        before = len(filling.findings)
        with _progress(lines, "importing", len(lines)) as shown:
            for line in shown:
                known = len(filling.findings)
                filling.insert(name, [line])
                if len(filling.findings) > known:
                    refused.append(line)
        if len(refused) == len(lines):
            return
        lines = refused
        if lines:
            del filling.findings[before:]


def _lines(
    filling: Seeded, name: str, content: bytes, suffix: str, table: str | None
) -> Iterator[exchange.Line]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadFile(Finding(name, f"byte {error.start}", "this file is not UTF-8")) from error
    if suffix == ".ndjson":
        yield from exchange.read_ndjson(name, text, filling.findings)
    elif suffix == ".csv" and table is not None:
        yield from exchange.read_csv(name, text, table, filling.state.schema, filling.findings)
    elif suffix == ".csv":
        raise LookupError("A .csv file is one table: name it with --table.")
    else:
        raise LookupError("A file to import is .json, .ndjson or .csv.")
