"""The sessions of this project; `nox` alone runs those that a change must pass."""

import os
import shutil
import subprocess
from pathlib import Path

import nox

ROOT = Path(__file__).parent
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


@nox.session(python=INTERPRETERS[:1] or None)
def tests(session: nox.Session) -> None:
    """Every test that needs no long run: the core, journals, whole houses, hostile clients."""
    install(session, *TEST_TOOLS)
    args = session.posargs or ["tests", "plugins", "--ignore=tests/docs", "-m", "not crash"]
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
    if not shutil.which("nginx"):
        if os.geteuid() == 0 and shutil.which("apt-get"):
            session.run("apt-get", "update", "-qq", external=True)
            session.run("apt-get", "install", "-y", "-qq", "nginx-light", external=True)
        elif os.environ.get("CI"):
            session.error("nginx is missing")
        else:
            session.skip("nginx is missing")
    install(session, *TEST_TOOLS)
    session.run("pytest", "-q", *(session.posargs or ["tests/proxy"]))


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
    """The strict type checker."""
    install(session, "mypy>=1.18")
    session.run("mypy")


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
