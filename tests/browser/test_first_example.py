"""The first example of the READMEs and of docs/browser.md, as it stands there."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext
from support.browsing import Tab
from support.server import Server

ROOT = Path(__file__).parents[2]
Serve = Callable[..., Server]


@pytest.mark.parametrize(
    ("document", "field"),
    [("README.md", "phone"), ("README.ar.md", "phone"), ("docs/browser.md", "note")],
)
def test_the_first_example_shows_rows_and_what_changes_in_them(
    serve: Serve, restaurant: Path, context: BrowserContext, url: str, document: str, field: str
) -> None:
    text = (ROOT / document).read_text("utf-8")
    (script,) = re.findall(r"```js\n(import \{ createPosDb \}.*?)```", text, re.DOTALL)
    (table,) = set(re.findall(r'"([a-z]+_[a-z]+)"', script))
    draw = "(rows) => (document.body.textContent = JSON.stringify(rows))"
    page = f'<!doctype html><meta charset="utf-8"><body><script>window.show = {draw}</script>'
    module = f'{page}<script type="module">{script}</script>'
    (restaurant / "static" / "it.html").write_text(module, "utf-8")
    serve(restaurant)
    tab = Tab(context, f"{url}it.html")
    tab.until("() => document.body.textContent.length > 0")
    store = re.findall(r'branchId: "(\w+)", moduleId: "(\w+)"', script)[0]
    other = Tab(context, f"{url}it.html").open(*store)
    first = other.list(table)[0]["id"]
    other.run(f"db.update('{table}', '{first}', {{ {field}: '+20 55' }})")
    tab.until("() => document.body.textContent.includes('+20 55')")
    assert not tab.troubles
