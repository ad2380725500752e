"""The API of the demo: Datasette on loopback, over the table of US airports in vega_datasets.

``python -m local.demo.api --port 4701 --folder DIR`` serves until it is interrupted;
``GET /data/airports.json?_shape=objects&_size=500`` is its first page, whose ``next`` is the token of the second.
"""

import argparse
import contextlib
import csv
import os
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from local.home import LocalError
from local.process import refuse_taken

PORT = 4701
_REPOSITORY = Path(__file__).resolve().parents[2]
_VENV = _REPOSITORY / ".brigade" / "demo-venv"
_READY_S = 30


def make(database: Path) -> int:
    """Write the SQLite file atomically, and return the number of its rows."""
    with _shipped("airports.csv").open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    database.parent.mkdir(parents=True, exist_ok=True)
    fresh = database.with_suffix(f".{os.getpid()}")
    fresh.unlink(missing_ok=True)
    with contextlib.closing(sqlite3.connect(fresh)) as connection, connection:
        connection.execute(
            "create table airports (iata text primary key, name text, city text, state text, country text, "
            "latitude real, longitude real)"
        )
        connection.executemany(
            "insert into airports values (:iata, :name, :city, :state, :country, :latitude, :longitude)", rows
        )
    fresh.replace(database)
    return len(rows)


@contextlib.contextmanager
def serving(folder: Path, port: int = PORT) -> Iterator[str]:
    """Start an API and yield its base URL. It ends with the block, or with this process.

    Raises:
        LocalError: The port is in use, or the API does not answer within 30 s. Its log is `folder/api.log`.
    """
    refuse_taken(port, "the demo's API needs it: end what listens there")
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "local.demo.api", "--port", str(port), "--folder", str(folder), "--tied"]
    with (folder / "api.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=_REPOSITORY, stdin=subprocess.PIPE, stdout=log, stderr=log)
    try:
        url = f"http://127.0.0.1:{port}"
        _wait(process, url, folder / "api.log")
        yield url
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdin:
            process.stdin.close()


def _wait(process: "subprocess.Popen[bytes]", url: str, log: Path) -> None:
    until = time.monotonic() + _READY_S
    while time.monotonic() < until and process.poll() is None:
        with (
            contextlib.suppress(urllib.error.URLError, ConnectionError, TimeoutError),
            urllib.request.urlopen(f"{url}/data/airports.json?_size=1", timeout=5),  # noqa: S310 - loopback http
        ):
            return
        time.sleep(0.1)
    said = log.read_text(errors="replace").strip().splitlines()
    raise LocalError(f"the demo's API did not start: {said[-1] if said else 'it wrote nothing'} ({log})")


def _shipped(name: str) -> Path:
    """Return the path of a data file of the vega_datasets wheel."""
    found = sorted(_VENV.glob(f"lib/python3*/site-packages/vega_datasets/_data/{name}"))
    if not found:
        raise LocalError(f"{name} of vega_datasets is not in {_VENV}: run scripts/setup demo")
    return found[0]


def main() -> None:
    """Serve in the foreground, with the interpreter of `.brigade/demo-venv`, which has Datasette."""
    parser = argparse.ArgumentParser(prog="python -m local.demo.api", description=__doc__)
    parser.add_argument("--port", type=int, default=PORT)
    parser.add_argument("--folder", type=Path, default=_REPOSITORY / ".brigade" / "demo-api")
    parser.add_argument(
        "--tied", action="store_true", help="end when stdin closes, hence with the process that holds it"
    )
    given = parser.parse_args()
    python = _VENV / "bin" / "python"
    if Path(sys.prefix) != _VENV:
        if not python.exists():
            sys.exit(f"{python} is missing: run scripts/setup demo")
        os.execv(python, [str(python), "-m", "local.demo.api", *sys.argv[1:]])  # noqa: S606 - no shell is wanted
    database = given.folder / "data.db"
    make(database)
    if given.tied:
        threading.Thread(target=_end_with_stdin, daemon=True).start()
    from datasette.cli import cli  # type: ignore[import-not-found] # only the interpreter that runs this has it

    cli(["serve", str(database), "--host", "127.0.0.1", "--port", str(given.port)])


def _end_with_stdin() -> None:
    while os.read(0, 1024):
        pass
    os._exit(0)


if __name__ == "__main__":
    main()
