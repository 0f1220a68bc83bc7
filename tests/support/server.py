"""Real servers in processes of their own. Only those that a test started are ever ended."""

import json
import select
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlencode

from support.seed_client import PATIENCE, Client

COMMAND = Path(sys.executable).with_name("mishkah-trio")
SAMPLE = Path(__file__).parents[2] / "data"


def copy_sample(folder: Path) -> Path:
    """Copy the sample installation, as it is in a clean checkout, to *folder*; return it."""
    live = shutil.ignore_patterns("store.sqlite3*", ".mishkah.lock", "*%3A*")
    return Path(shutil.copytree(SAMPLE, folder, ignore=live))


class Server:
    """One `mishkah-trio serve` on the folder *data*. `ready` waits for it; `kill` or `stop` it."""

    def __init__(self, data: Path, *options: str) -> None:
        self.data = data
        self.port = 0
        self.stores: dict[str, str] = {}
        self._log = data.with_name(data.name + ".stderr").open("ab+")
        self.process = subprocess.Popen(
            [COMMAND, "serve", "--data", data, "--port", "0", "--json", *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._log,
            bufsize=0,
        )

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def said(self) -> str:
        """What servers of this folder have written to stderr."""
        return Path(self._log.name).read_text("utf-8")

    def ready(self) -> "Server":
        """Wait until clients can connect, and return the server."""
        out = self.process.stdout
        assert out is not None
        assert select.select([out], [], [], PATIENCE)[0], f"not ready in time: {self.said}"
        line = out.readline()
        assert line, f"it ended at start: {self.said}"
        announced = json.loads(line)
        assert announced["event"] == "ready"
        self.port = announced["port"]
        self.stores = {store["branch"]: store["status"] for store in announced["stores"]}
        return self

    def client(self, **query: str) -> Client:
        return Client(self.port, **query)

    def url(self, **query: str) -> str:
        return f"ws://127.0.0.1:{self.port}/?{urlencode(query)}"

    def kill(self) -> None:
        """Kill -9, wherever it is."""
        self.process.kill()
        self._reap(PATIENCE)

    def stop(self, how: signal.Signals = signal.SIGTERM, within: float = 10.0) -> int:
        """Ask it to stop; return its exit code. Raises TimeoutExpired when it takes too long."""
        self.process.send_signal(how)
        return self._reap(within)

    def wait(self, within: float = 10.0) -> int:
        """Return the exit code of a server that ends by itself."""
        return self._reap(within)

    def _reap(self, within: float) -> int:
        code = self.process.wait(within)
        self.close()
        return code

    def close(self) -> None:
        """Kill it if it still runs, and close the files of ours."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(PATIENCE)
        if self.process.stdout is not None:
            self.process.stdout.close()
        self._log.close()
