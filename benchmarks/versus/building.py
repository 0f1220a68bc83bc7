"""Build what the benchmarks need beside Python: the load and the limit from C, the Node peer."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
BUILT = HERE / "build"
FLAGS = ("-O2", "-Wall", "-Wextra", "-std=gnu11")


class Missing(Exception):
    """This machine lacks something; its text is one sentence that says what."""


@dataclass(frozen=True)
class Tools:
    """What was built. *peer* is the command that starts the Node peer, or why there is none."""

    load: Path
    limit: Path
    peer: tuple[str, ...] | Missing


def build() -> Tools:
    """Build what has changed and return it all. Raises Missing where nothing can be measured."""
    compiler = shutil.which("cc")
    if compiler is None:
        raise Missing("cc is missing, so there is no load generator.")
    BUILT.mkdir(exist_ok=True)
    load = _compile(compiler, "load")
    limit = _compile(compiler, "limit")
    try:
        return Tools(load, limit, _peer())
    except Missing as lack:
        return Tools(load, limit, lack)


def _compile(compiler: str, name: str) -> Path:
    sources = sorted((HERE / name).glob("*.c"))
    target = BUILT / name
    newest = max(path.stat().st_mtime for path in (HERE / name).iterdir())
    if not target.exists() or target.stat().st_mtime < newest:
        subprocess.run([compiler, *FLAGS, "-o", str(target), *map(str, sources)], check=True)
    return target


def _peer() -> tuple[str, ...]:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise Missing("node or npm is missing, so there is no Node peer.")
    folder = BUILT / "peer"
    wanted = (HERE / "peer" / "package.json").read_text()
    made = folder / "package.json"
    if not made.exists() or made.read_text() != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        command = [npm, "install", "--no-audit", "--no-fund", "--loglevel=error"]
        made.write_text(wanted)
        try:
            subprocess.run(command, cwd=folder, check=True, timeout=300, capture_output=True)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as wrong:
            shutil.rmtree(folder)
            raise Missing("npm can't install ws and better-sqlite3: no Node peer.") from wrong
    shutil.copy(HERE / "peer" / "peer.js", folder)
    return node, str(folder / "peer.js")
