"""`mishkah-trio serve`: the main job."""

import logging
import math
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import quote

import msgspec
import rich_click as click
import trio

from mishkah.app import Certificate, Settings
from mishkah.app import serve as run
from mishkah.catalog import Catalog
from mishkah.checking import check, mistakes, read_catalog
from mishkah.cli.common import FINDINGS, data_option, existing, json_option, log_to_stderr, tell
from mishkah.core.ids import StoreId
from mishkah.core.reach import HOUSE
from mishkah.house import House
from mishkah.http.guests import Network, is_origin
from mishkah.jsonfile import BadFile
from mishkah.keeper import Keeper
from mishkah.limits import Limits, read_limits
from mishkah.lock import CantServe
from mishkah.plugins import BrokenPlugin
from mishkah.watchdog import Watchdog

log = logging.getLogger(__name__)


def _finite(context: click.Context, param: click.Parameter, seconds: float) -> float:
    if not math.isfinite(seconds):
        raise click.BadParameter("this is no number of seconds")
    return seconds


def _origins(
    context: click.Context, param: click.Parameter, origins: tuple[str, ...]
) -> tuple[str, ...]:
    for origin in origins:
        if not is_origin(origin):
            raise click.BadParameter(f"{origin!r} is no origin, such as https://shop.example:8443")
    return origins


def _networks(
    context: click.Context, param: click.Parameter, names: tuple[str, ...]
) -> tuple[Network, ...]:
    try:
        return tuple(map(ip_network, names))
    except ValueError as wrong:
        raise click.BadParameter(f"{wrong}; write 10.0.0.5 or 10.0.0.0/24") from wrong


def _limits(context: click.Context, param: click.Parameter, lines: tuple[str, ...]) -> Limits:
    try:
        return read_limits(lines)
    except ValueError as wrong:
        raise click.BadParameter(str(wrong)) from wrong


@click.command()
@data_option
@click.option("--host", default="127.0.0.1", show_default=True, envvar="MISHKAH_HOST",
              show_envvar=True, help="The address to listen on.")  # fmt: skip
@click.option("--port", default=8080, show_default=True, envvar="MISHKAH_PORT",
              show_envvar=True, type=click.IntRange(0, 65535),
              help="The port; 0 takes a free one.")  # fmt: skip
@click.option("--allow-host", "hosts", multiple=True, metavar="NAME",
              help="Answer to this name too, beside loopback and bare addresses.")  # fmt: skip
@click.option("--allow-origin", "origins", multiple=True, metavar="URL", callback=_origins,
              help="Let pages of this origin connect, such as https://shop.example.")  # fmt: skip
@click.option("--trust-proxy", "proxies", multiple=True, metavar="ADDRESS", callback=_networks,
              help="Believe what this proxy, or network of proxies, says of who is behind it "
              "(X-Forwarded-For, -Proto, -Host).")  # fmt: skip
@click.option("--tls-cert", "chain", type=click.Path(path_type=Path), metavar="FILE",
              envvar="MISHKAH_TLS_CERT",
              help="Serve TLS with this certificate (PEM, with those that sign it).")  # fmt: skip
@click.option("--tls-key", "key", type=click.Path(path_type=Path), metavar="FILE",
              envvar="MISHKAH_TLS_KEY", help="The certificate's private key (PEM).")  # fmt: skip
@click.option("--insecure", is_flag=True,
              help="Serve other machines without access control. Don't.")  # fmt: skip
@click.option("--hang-limit", default=10.0, show_default=True, envvar="MISHKAH_HANG_LIMIT",
              show_envvar=True, type=click.FloatRange(min=0.1), metavar="SECONDS", callback=_finite,
              help="End the process when a plugin has not returned for so long.")  # fmt: skip
@click.option("--limit", "limits", multiple=True, metavar="NAME=VALUE", callback=_limits,
              envvar="MISHKAH_LIMIT", help="What one client may take, such as rate=50; see the "
              "documentation for names.")  # fmt: skip
@json_option
def serve(
    data: Path, host: str, port: int, hosts: tuple[str, ...], origins: tuple[str, ...],
    proxies: tuple[Network, ...], chain: Path | None, key: Path | None, insecure: bool,
    hang_limit: float, limits: Limits, as_json: bool,
) -> None:  # fmt: skip
    """Serve the installation in DATA until ^C or SIGTERM.

    With --json the first line on stdout is {"event": "ready", "port": N, ...}, and nothing
    follows it.
    """
    log_to_stderr()
    watchdog = Watchdog(limit=hang_limit)
    settings = Settings(
        host=host, port=port, hosts=hosts, origins=origins, proxies=proxies,
        certificate=_certificate(chain, key), limits=limits,
        insecure=insecure,
    )  # fmt: skip

    def ready(house: House, bound: int) -> None:
        if as_json:
            click.echo(_announcement(house, settings, bound))
        else:
            click.echo(_banner(house, settings, bound), err=True)

    with watchdog.watching():
        catalog = _catalog(existing(data), watchdog)
        try:
            trio.run(run, catalog, settings, ready)
        except* CantServe as group:
            click.echo(str(group.exceptions[0]), err=True)
            raise SystemExit(FINDINGS) from None


def _certificate(chain: Path | None, key: Path | None) -> Certificate | None:
    if chain is None and key is None:
        return None
    if chain is None or key is None:
        raise click.UsageError("--tls-cert and --tls-key go together")
    return Certificate(chain, key)


def _catalog(data: Path, watchdog: Watchdog) -> Catalog:
    """Return what is to be served, or say what is wrong with it and end."""
    try:
        catalog = read_catalog(data, watchdog)
        findings = check(catalog)
        if wrong := mistakes(findings):
            raise BadFile(*wrong)
    except BadFile as bad:
        tell(bad.findings, as_json=False)
        click.echo("Nothing is served until this is right; see mishkah-trio check.", err=True)
        raise SystemExit(FINDINGS) from None
    except BrokenPlugin as broken:
        click.echo(f"{broken}\nNothing is served until it is mended or uninstalled.", err=True)
        raise SystemExit(FINDINGS) from None
    for note in findings:
        log.warning("%s", note)
    return catalog


def _authority(settings: Settings, port: int) -> str:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"{host}:{port}"


def _url(settings: Settings, port: int, store: StoreId) -> str:
    branch, module = quote(store.branch, safe=""), quote(store.module, safe="")
    scheme = "ws" if settings.certificate is None else "wss"
    return f"{scheme}://{_authority(settings, port)}/?branch={branch}&module={module}"


def _of_shop(house: House) -> list[tuple[StoreId, Keeper]]:
    """Return the stores that are the shop's, not the house's own, each with its keeper."""
    return [(store, keeper) for store, keeper in house.keepers.items() if store.branch != HOUSE]


def _announcement(house: House, settings: Settings, port: int) -> str:
    stores = [
        {
            "branch": store.branch,
            "module": store.module,
            "status": keeper.status,
            "url": _url(settings, port, store),
        }
        for store, keeper in _of_shop(house)
    ]
    line = {"event": "ready", "host": settings.host, "port": port, "stores": stores}
    return msgspec.json.encode(line).decode()


def _banner(house: House, settings: Settings, port: int) -> str:
    scheme = "http" if settings.certificate is None else "https"
    page = f"{scheme}://{_authority(settings, port)}/"
    lines = ["", f"Mishkah serves {house.catalog.data} at {page}", ""]
    width = max((len(str(store)) for store, _ in _of_shop(house)), default=0)
    for store, keeper in _of_shop(house):
        note = "" if keeper.status == "serving" else f"   ({keeper.status}, see above)"
        lines.append(f"  {store!s:<{width}}  {_url(settings, port, store)}{note}")
    lines += [
        f"  branches that match {pattern.match} open on first use"
        for pattern in house.catalog.branches.patterns
    ]
    return "\n".join([*lines, "", *_openness(house, settings), "Stop with ^C.", ""])


def _openness(house: House, settings: Settings) -> list[str]:
    """Say who may come in."""
    if house.catalog.closed:
        lines = ["Access control is on: people sign in, programs and devices show tokens."]
        if settings.public and settings.certificate is None:
            lines.append("Without TLS, whoever is in between can read passwords and tokens.")
        return lines
    if not settings.public:
        return [
            "Listening on loopback only; no other machine can connect.",
            "There is no access control: all programs of this machine can read and write.",
            "Before others may connect: mishkah-trio init",
        ]
    return [
        "!" * 78,
        "INSECURE: whoever reaches this server can read, change and delete everything,",
        "customers, sales and money, and nothing tells who it was. Stop it and run",
        "  mishkah-trio init",
        "!" * 78,
    ]
