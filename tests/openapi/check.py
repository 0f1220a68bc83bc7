"""Hold a real server on a copy of the sample against its own OpenAPI, with Schemathesis.

Run by `nox -s openapi`, with the names of branches.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.server import Server, copy_sample

CONFIG = Path(__file__).with_name("schemathesis.toml")


CHECKS = ("--checks", "all", "--exclude-checks", "positive_data_acceptance")
"""A row that fits its table's shape may break a rule that JSON Schema can't say: its id is taken,
it refers to no row. So that it is refused is no error."""


def main(branches: list[str]) -> int:
    command = Path(sys.executable).with_name("schemathesis")
    with tempfile.TemporaryDirectory() as box:
        server = Server(copy_sample(Path(box) / "data")).ready()
        try:
            for branch in branches:
                url = f"http://127.0.0.1:{server.port}/api/v1/openapi.json?branch={branch}"
                ways = ["--max-examples", "10", "--seed", "1", "--no-color", *CHECKS]
                said = [command, "--config-file", CONFIG, "run", url, *ways]
                if code := subprocess.run(said, cwd=box).returncode:
                    return code
            return server.stop()
        finally:
            server.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
