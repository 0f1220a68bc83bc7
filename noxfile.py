"""The sessions of this project; `nox` alone runs those that a change must pass."""

import gzip
import os
import shutil
import subprocess
from pathlib import Path

import nox

ROOT = Path(__file__).parent
CLIENT = ROOT / "mishkah/web/client"
BUDGET = 12_400
"""Bytes of the browser client, as a page that is built by a bundler has it; compressed."""
PROJECTS = (".", "plugins/pos", "plugins/gym")
TEST_TOOLS = (
    "pytest>=8.3",
    "pytest-trio>=0.8",
    "pytest-xdist>=3.6",
    "hypothesis>=6.120",
    "websockets>=14",
    "trustme>=1.2",
    "httpx>=0.28",
    "jsonschema>=4.20",
)

nox.options.sessions = ["tests", "lint", "types", "docs", "wheels"]
nox.options.error_on_missing_interpreters = True


def found_interpreters() -> list[str]:
    """Return 3.11 and every newer Python that runs here; pyenv's are woken first."""
    if pyenv := shutil.which("pyenv"):
        told = subprocess.run([pyenv, "versions", "--bare"], capture_output=True, text=True)
        newer = [v for v in told.stdout.split() if v.startswith("3.1") and v[2:4] >= "11"]
        os.environ.setdefault("PYENV_VERSION", ":".join(newer))
    return [name for n in range(11, 20) if _runs(name := f"3.{n}")]


def _runs(version: str) -> bool:
    path = shutil.which(f"python{version}")
    return path is not None and not subprocess.run([path, "-V"], capture_output=True).returncode


INTERPRETERS = found_interpreters()


def install(session: nox.Session, *tools: str) -> None:
    session.install("-q", *PROJECTS, *tools)


def need(session: nox.Session, command: str, *packages: str) -> None:
    """Install *packages* of Debian where *command* is missing, as root; else skip, in CI fail."""
    if shutil.which(command):
        return
    if os.geteuid() == 0 and shutil.which("apt-get"):
        session.run("apt-get", "update", "-qq", external=True)
        session.run("apt-get", "install", "-y", "-qq", *packages, external=True)
    elif os.environ.get("CI"):
        session.error(f"{command} is missing")
    else:
        session.skip(f"{command} is missing")


def with_typescript(session: nox.Session, *more: str) -> str:
    """Return a PATH with `tsc`, and *more* from npm; where there is no npm, the PATH as it is."""
    box = Path(session.create_tmp()).resolve()
    if shutil.which("npm"):
        quiet = ("--silent", "--no-audit", "--no-fund", "--prefix", str(box))
        session.run("npm", "install", *quiet, "typescript@7.0.2", *more, external=True)
    return os.pathsep.join([str(box / "node_modules/.bin"), *session.bin_paths, os.environ["PATH"]])


@nox.session(python=INTERPRETERS[:1] or None)
def tests(session: nox.Session) -> None:
    """Every test that needs no long run: the core, journals, whole houses, hostile clients."""
    install(session, *TEST_TOOLS)
    others = [f"--ignore=tests/{folder}" for folder in ("docs", "rowtypes", "browser")]
    args = session.posargs or ["tests", "plugins", *others, "-m", "not crash"]
    session.run("pytest", "-q", "-n", "auto", *args)


@nox.session(python=INTERPRETERS[1:] or False)
def newer(session: nox.Session) -> None:
    """The same tests on each newer Python that runs here."""
    if not INTERPRETERS[1:]:
        session.skip("there is one Python only")
    tests(session)


@nox.session
def crash(session: nox.Session) -> None:
    """Real processes, killed, stopped, out of disk, with damaged files."""
    install(session, *TEST_TOOLS)
    session.run("pytest", "-q", "-m", "crash", *(session.posargs or ["tests/crash"]))


@nox.session
def simulation(session: nox.Session) -> None:
    """Whole shops on virtual time, in which everything goes wrong: 500 stories."""
    install(session, *TEST_TOOLS)
    env = {"MISHKAH_STORIES": "500"}
    session.run("pytest", "-q", *(session.posargs or ["tests/simulation"]), env=env)


@nox.session
def proxy(session: nox.Session) -> None:
    """The real nginx in front, as the operator's page has it; root may install it."""
    need(session, "nginx", "nginx-light")
    install(session, *TEST_TOOLS)
    session.run("pytest", "-q", *(session.posargs or ["tests/proxy"]))


@nox.session
def browser(session: nox.Session) -> None:
    """The browser client in a real Chromium, with all that goes wrong in a shop."""
    need(session, "chromium", "chromium", "fonts-noto-core")
    install(session, *TEST_TOOLS, "playwright>=1.50")
    if session.posargs:
        session.run("pytest", "-q", *session.posargs)
        return
    alone = "tests/browser/test_speed.py"  # frames are counted while nothing else runs
    session.run("pytest", "-q", "-n", "2", "tests/browser", f"--ignore={alone}")
    session.run("pytest", "-q", alone)


@nox.session
def web(session: nox.Session) -> None:
    """The browser client's pieces in Node, its types, its size, and its refusals."""
    need(session, "npm", "nodejs", "npm")
    box = Path(session.create_tmp()).resolve()
    path = with_typescript(session, "esbuild@0.28.2")
    bin, _, _ = path.partition(os.pathsep)
    emit = ("--noEmit", "false", "--declaration", "--emitDeclarationOnly")
    tsc = (f"{bin}/tsc", "-p", str(CLIENT), *emit, "--outDir", str(box / "types"))
    session.run(*tsc, external=True)
    if (box / "types/mishkah.d.ts").read_text() != (CLIENT / "mishkah.d.ts").read_text():
        session.error(f"mishkah.d.ts is not what tsc makes: copy {box}/types/mishkah.d.ts")
    minify = ("--bundle", "--format=esm", "--minify", "--log-level=error")
    esbuild = (f"{bin}/esbuild", str(CLIENT / "mishkah.js"), *minify)
    small = session.run(*esbuild, external=True, silent=True)
    if (size := len(gzip.compress(str(small).encode(), 9))) > BUDGET:
        session.error(f"the client has {size} bytes, minified and compressed")
    session.log(f"{size} bytes, minified and compressed")
    session.run("node", "--test", "tests/web/", external=True)
    install(session, *TEST_TOOLS)
    session.run("pytest", "-q", *(session.posargs or ["tests/web"]), env={"PATH": path})


@nox.session
def openapi(session: nox.Session) -> None:
    """A real server, held against its own OpenAPI by Schemathesis: thousands of odd requests."""
    install(session, *TEST_TOOLS, "schemathesis>=4.10")
    session.run("python", "tests/openapi/check.py", *(session.posargs or ["myapp", "gim"]))


@nox.session
def autobahn(session: nox.Session) -> None:
    """Every kind of frame, by the Autobahn cases: read directly, and by trio-websocket alone."""
    install(session, "kosoku>=0.1")
    session.run("python", "tests/autobahn/check.py")


@nox.session
def bench(session: nox.Session) -> None:
    """Our server beside a Node peer and the limit; how its costs grow. `-- --quick` for less."""
    install(session)
    session.run("python", "-m", "benchmarks.versus", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """The documents' examples, run; their lists, held against the code."""
    install(session, *TEST_TOOLS)
    session.run("pytest", "-q", "tests/docs")


@nox.session
def lint(session: nox.Session) -> None:
    """Ruff and its formatter."""
    session.install("-q", "ruff>=0.14")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """The strict type checker; and what `schema types` writes, by the compilers it is for."""
    install(session, "mypy>=1.18", *TEST_TOOLS)
    session.run("mypy")
    session.run("pytest", "-q", "tests/rowtypes", env={"PATH": with_typescript(session)})


@nox.session
def wheels(session: nox.Session) -> None:
    """Build the three wheels, install them away from the checkout, serve, connect, and learn."""
    box = Path(session.create_tmp()).resolve()
    shutil.rmtree(box / "dist", ignore_errors=True)
    session.run("pip", "wheel", "-q", "--no-deps", "-w", str(box / "dist"), *PROJECTS)
    built = sorted(map(str, (box / "dist").glob("*.whl")))
    session.install("-q", *built, "websockets>=14")
    session.chdir(box)
    session.run("python", str(ROOT / "tests" / "serve_and_connect.py"), str(ROOT / "data"))
    pages = [str(ROOT / "docs" / name) for name in ("tutorial.md", "tutorial.ar.md")]
    session.run("python", str(ROOT / "tests" / "follow_tutorial.py"), *pages)
