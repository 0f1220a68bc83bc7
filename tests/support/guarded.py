"""An installation that asks who comes in: its owner is Mona."""

import subprocess
from pathlib import Path

from playwright.sync_api import Page

from support.server import COMMAND

PASSWORD = "two words of mona"


def command(data: Path, *words: str, told: str = "") -> str:
    """Run a command on the folder *data*; return what it prints."""
    done = subprocess.run(
        [COMMAND, *words, "--data", data], input=told, text=True, capture_output=True, check=True
    )
    return done.stdout


def sign_in(page: Page) -> None:
    """Sign in as Mona on the page for that."""
    form = page.locator("form").first
    form.locator("input").nth(0).fill("mona")
    form.locator("input[type=password]").fill(PASSWORD)
    form.locator("button").click()
