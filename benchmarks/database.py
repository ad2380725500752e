"""A table to gzip JSON Lines beside what others do: time, and memory up to ten million rows.

Writes ``.brigade/bench/database.json``. Each case runs as a process of its own, tools in turn, against a PostgreSQL of
the benchmark's own on this machine. ``server_s`` is the processor time of the server meanwhile, which is not in
``cpu_s``. The ratios are a peer's wall time over ours, the median of the rounds; ``growth_mib`` is our peak at
ten million rows less that at a hundredth. ``python -m benchmarks.database [ROWS]``.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import psycopg

from benchmarks.table import show
from brigade.database.uri import database_uri
from local.postgres import Postgres

_ROOT = Path(__file__).resolve().parents[1]
_OUT = _ROOT / ".brigade/bench/database.json"
_VENV = _ROOT / ".brigade/bench-database"
_LOCK = _ROOT / "benchmarks/requirements-database.txt"
_PEERS = str(_VENV / "bin/python")
_ROUNDS = 3
_ROWS = 200_000
_GROWN = 10_000_000
_EVENTS = """
CREATE TABLE events (id bigint PRIMARY KEY, account int, name text, email text, amount numeric(12,2), rate float8,
  active bool, created timestamptz, tags text[], extra jsonb);
INSERT INTO events SELECT i, i % 1000, 'Name ' || i, 'user' || i || '@example.org', (i % 100000) / 100.0, i / 7.0,
  i % 2 = 0, timestamptz '2026-01-01' + i * interval '1 s', ARRAY['a', 'b' || i % 10],
  jsonb_build_object('k', i, 's', 'x"y') FROM generate_series(1, {rows}) i;
VACUUM ANALYZE events
"""
_READINGS = """
CREATE TABLE {name} (id bigint, at timestamptz, value numeric);
INSERT INTO {name} SELECT i, timestamptz '2026-01-01' + i * interval '1 s', i / 8.0 FROM generate_series(1, {rows}) i;
ALTER TABLE {name} ADD PRIMARY KEY (id);
VACUUM ANALYZE {name}
"""


def main() -> None:
    """Run every case, print a table, write the figures."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else _ROWS
    grown = {"hundredth": rows * _GROWN // _ROWS // 100, "whole": rows * _GROWN // _ROWS}
    _make_venv()
    server = Postgres(settings={"shared_buffers": "128MB", "max_wal_size": "4GB", "autovacuum": "off"})
    try:
        fields = {"engine": "postgres", "host": server.host, "port": server.port, "dbname": "postgres"}
        uri = database_uri(fields | {"username": server.user, "password": server.password})
        _execute(uri, _EVENTS.format(rows=rows))
        runs = list(_beside(uri))
        for name, count in grown.items():
            _execute(uri, _READINGS.format(name=name, rows=count))
            runs.append(_run("growth", "copy", _ours("copy"), uri, name))
    finally:
        server.close()
    ratios = {f"{peer}_wall": _ratio(runs, peer) for peer in ("fetchall", "dlt")}
    small, large = (run["peak_mib"] for run in runs if run["case"] == "growth")
    ratios["growth_mib"] = large - small
    _OUT.parent.mkdir(parents=True, exist_ok=True)
    _OUT.write_text(json.dumps({"runs": runs, "ratios": ratios}, indent=2) + "\n")
    show(runs, ratios, "cpu_s", "server_s", "wall_s", "rows_s", "peak_mib")


def _beside(uri: str) -> Iterator[dict[str, Any]]:
    for number in range(1, _ROUNDS + 1):
        for tool in ("copy", "contract", "cursor", "objects"):
            yield _run("events", tool, _ours(tool), uri, "events") | {"round": number}
        for tool in ("fetchall",) if number < _ROUNDS else ("fetchall", "dlt"):  # which takes minutes
            yield _run("events", tool, [_PEERS, "benchmarks/database_peers.py", tool], uri, "events") | {
                "round": number
            }


def _ours(case: str) -> list[str]:
    return [sys.executable, "-m", "benchmarks.database_cases", case]


def _run(case: str, tool: str, command: list[str], uri: str, table: str) -> dict[str, Any]:
    before = _server_seconds()
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([*command, uri, table, folder], cwd=_ROOT, check=False, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{case}, {tool}: {done.stderr[-2000:]}")
    found = json.loads(done.stdout.splitlines()[-1])
    found["rows_s"] = found["rows"] / found["wall_s"]
    return {"case": case, "tool": tool, **found, "server_s": _server_seconds() - before}


def _server_seconds() -> float:
    """The processor time of the server's processes, those that ended included: their parents have it."""
    ticks = 0
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = file.read_text().partition("(")[2].rpartition(")")
        except OSError:  # it ended meanwhile
            continue
        if name == "postgres":
            ticks += sum(int(value) for value in rest.split()[11:15])
    return ticks / os.sysconf("SC_CLK_TCK")


def _execute(uri: str, statements: str) -> None:
    with psycopg.connect(uri, autocommit=True) as connection:
        for statement in statements.split(";"):
            connection.execute(statement.encode())


def _make_venv() -> None:
    if not Path(_PEERS).exists():
        subprocess.run([sys.executable, "-m", "venv", str(_VENV)], check=True)
        pip = [_PEERS, "-m", "pip", "install", "-qq", "--no-deps", "--require-hashes", "-r", str(_LOCK)]
        subprocess.run(pip, check=True)


def _ratio(runs: list[dict[str, Any]], peer: str) -> float:
    """The median of what a peer took over what we took in the same round: a machine is not the same for minutes."""
    ours = {run["round"]: run["wall_s"] for run in runs if (run["case"], run["tool"]) == ("events", "copy")}
    theirs = {run["round"]: run["wall_s"] for run in runs if (run["case"], run["tool"]) == ("events", peer)}
    return float(median(theirs[number] / ours[number] for number in theirs))


if __name__ == "__main__":
    main()
