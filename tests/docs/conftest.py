"""What the documents hold: their code blocks, each with its language and the line before it."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
_FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    language: str
    code: str
    before: str
    """The last line with text above it."""


class Document:
    """One Markdown file of the repository."""

    def __init__(self, name: str) -> None:
        self.path = ROOT / name
        self.text = self.path.read_text("utf-8")
        self.blocks = [self._block(found) for found in _FENCE.finditer(self.text)]

    def _block(self, found: re.Match[str]) -> Block:
        above = self.text[: found.start()].rstrip().rpartition("\n")[2]
        return Block(found[1], found[2], above)

    def code(self, *languages: str) -> list[str]:
        """Return the code of the blocks in these languages."""
        return [block.code for block in self.blocks if block.language in languages]

    def files(self) -> dict[str, str]:
        """Return the blocks that stand under a path, like `mydata/file.json`: path → content."""
        named = ((re.fullmatch(r"`([\w./-]+)`:", b.before), b.code) for b in self.blocks)
        return {name[1]: code for name, code in named if name}

    def write_files(self, folder: Path) -> None:
        for name, code in self.files().items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(code, "utf-8")


READMES = ("README.md", "README.ar.md")
PAGES = tuple(sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")))


@pytest.fixture(params=(*READMES, *PAGES, "CONTRIBUTING.md", "CHANGELOG.md"))
def document(request: pytest.FixtureRequest) -> Document:
    return Document(request.param)


@pytest.fixture
def document_of() -> Callable[[str], Document]:
    """Return the function that reads a document by its path."""
    return Document


@pytest.fixture
def readme() -> Document:
    return Document("README.md")


@pytest.fixture
def arabic_readme() -> Document:
    return Document("README.ar.md")


@pytest.fixture
def protocol() -> Document:
    return Document("docs/protocol.md")


@pytest.fixture
def plugins_page() -> Document:
    return Document("docs/plugins.md")


@pytest.fixture
def operations() -> Document:
    return Document("docs/operations.md")


@pytest.fixture
def access_page() -> Document:
    return Document("docs/access.md")


@pytest.fixture
def schemas_page() -> Document:
    return Document("docs/schemas.md")
