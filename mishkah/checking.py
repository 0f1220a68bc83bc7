"""Everything that `check` looks at: configuration, schemas, rules, seeds and plugins, unserved."""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path

import msgspec

from mishkah.catalog import SEQUENCES, Catalog, text_of
from mishkah.clock import wall_clock
from mishkah.core.errors import Finding
from mishkah.core.ids import StoreId
from mishkah.core.seeding import Seeded
from mishkah.journal import JournalDamaged, JournalFailed
from mishkah.jsonfile import BadFile
from mishkah.jsonscan import lines_of
from mishkah.lock import locked
from mishkah.plugins import Plugins, collect, installed
from mishkah.rolecheck import check_roles
from mishkah.sqlite import StoreFile, verified
from mishkah.watchdog import Watchdog


def read_catalog(data: Path, watchdog: Watchdog) -> Catalog:
    """Return the installation in *data* with the installed plugins.

    Raises BadFile or BrokenPlugin.
    """
    try:
        named = Catalog(data, Plugins()).named_modules
    except BadFile as bad:
        raise BadFile(*located(bad.findings, lambda name: text_of(data, {}, name))) from bad
    return Catalog(data, collect(installed(), named, watchdog))


def located(findings: Iterable[Finding], text: Callable[[str], str | None]) -> Iterator[Finding]:
    """Yield *findings*, each with its line where *text* knows its file."""
    findings = list(findings)
    paths: dict[str, dict[str, None]] = {}
    for finding in findings:
        paths.setdefault(finding.file, {})[finding.path] = None
    lines = {file: lines_of(text(file) or "", each) for file, each in paths.items()}
    for finding in findings:
        yield msgspec.structs.replace(finding, line=lines[finding.file].get(finding.path, 0))


def check(catalog: Catalog, stores: Iterable[StoreId] | None = None) -> list[Finding]:
    """Return what is wrong with the *stores* (all that are listed) and with the rules.

    Notes come after what is wrong: `mistakes` leaves them out.
    """
    notes: list[Finding] = []
    findings: list[Finding] = []
    for store in catalog.listed if stores is None else stores:
        try:
            recipe = catalog.recipe(store)
        except BadFile as bad:
            findings += bad.findings
        else:
            seeded = Seeded(recipe.rules, wall_clock())
            recipe.fill(seeded)
            findings += seeded.findings
            notes += recipe.notes
    if stores is None:
        findings += _unused_rules(catalog)
        told = list(check_roles(catalog, catalog.access, catalog.roles))
        findings += mistakes(told)
        notes += [finding for finding in told if finding.note]
    found = dict.fromkeys([*findings, *notes])
    return list(located(found, catalog.text))


def mistakes(findings: Iterable[Finding]) -> list[Finding]:
    """Return what hinders: all of *findings* but the notes."""
    return [finding for finding in findings if not finding.note]


def _unused_rules(catalog: Catalog) -> Iterable[Finding]:
    """Find rules of branches that are not there: a misspelt branch would number nothing."""
    for branch, modules in catalog.sequences.branches.items():
        known = catalog.branches.modules_of(branch)
        if known is None:
            yield Finding(SEQUENCES, f"$.branches.{branch}", "there is no such branch")
            continue
        for module in modules:
            if module not in known:
                yield Finding(
                    SEQUENCES, f"$.branches.{branch}.{module}", "this branch has no such module"
                )


def check_files(catalog: Catalog) -> Iterable[Finding]:
    """Find what lies in a store's place and can't be its file; the others would be served."""
    for store in catalog.listed:
        path = catalog.store_path(store)
        name = str(path.relative_to(catalog.data))
        if path.exists() and not path.is_file():
            yield Finding(name, "", "this is not a file")
        elif path.exists() and not os.access(path, os.R_OK | os.W_OK):
            yield Finding(name, "", "this file can't be read and written")


def check_stores(catalog: Catalog) -> list[Finding]:
    """Read every store's file against its checksums; raise CantServe while a server has them."""
    findings: list[Finding] = []
    with locked(catalog.data):
        for store in catalog.on_disk():
            path = catalog.store_path(store)
            name = str(path.relative_to(catalog.data))
            try:
                schema = catalog.recipe(store).rules.schema
                verified(path, schema)
                with closing(StoreFile(path, schema, as_is=True)) as file:
                    plan = file.plan_for(schema)
            except (JournalDamaged, JournalFailed) as error:
                findings.append(Finding(name, "", str(error)))
            except BadFile as bad:
                findings += bad.findings
            else:
                if plan.loses or plan.broken:
                    findings += [Finding(name, "", line) for line in plan.lines()]
    return findings
