"""Serve a copy of an installation with the `mishkah-trio` of this environment, and use it.

Run as a script, away from the checkout: ``python serve_and_connect.py DATA``. Two clients that
share no code with the server open the gym; what one inserts the other sees, with its number; after
a kill it is still there. The browser client comes along.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from websockets.sync.client import ClientConnection, connect

NEW = {"id": "smoke", "full_name": {"ar": "منى", "en": "Mona"}, "phone": "+20 10 0000 1111"}


def start(data: Path, branch: str, module: str) -> tuple[subprocess.Popen[str], str]:
    """Serve *data* with this environment's command; return the process and the store's URL."""
    command = Path(sys.executable).with_name("mishkah-trio")
    server = subprocess.Popen(
        [command, "serve", "--data", data, "--port", "0", "--json"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout is not None
    ready = json.loads(server.stdout.readline())
    return server, f"ws://127.0.0.1:{ready['port']}/?branch={branch}&module={module}"


def receive(client: ClientConnection) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(client.recv(timeout=10))
    return message


def main(source: str) -> None:
    with tempfile.TemporaryDirectory() as box:
        data = Path(box) / "data"
        shutil.copytree(source, data, ignore=shutil.ignore_patterns("store.sqlite3*", ".mishkah*"))
        server, url = start(data, "gim", "gym")
        try:
            with connect(url) as desk, connect(url) as screen:
                assert receive(desk)["type"] == receive(screen)["type"] == "SNAPSHOT"
                desk.send(json.dumps({"type": "INSERT", "table": "gym_member", "data": NEW}))
                delta = receive(screen)
            code = delta["data"]["changes"]["member_code"]
            with urlopen(f"http{url[2:].partition('?')[0]}client/mishkah.js", timeout=10) as client:
                assert b"createPosDb" in client.read()
            server.kill()
            server.wait()
            server, url = start(data, "gim", "gym")
            with connect(url, max_size=None) as later:
                members = receive(later)["data"]["gym_member"]
            assert {"smoke": code}.items() <= {m["id"]: m["member_code"] for m in members}.items()
            server.terminate()
            assert server.wait(10) == 0
            print(f"served and connected: {code} was seen, and survived a kill")
        finally:
            server.kill()
            server.wait()


if __name__ == "__main__":
    main(sys.argv[1])
