"""Ours: ``python -m benchmarks.database_cases CASE URI TABLE FOLDER``, a table to gzip JSON Lines in a folder.

``copy`` and ``contract`` are the engine, without S3; ``cursor`` is how else rows can come as JSON from the server, a
server-side cursor, and ``objects`` one with rows made into objects here, both to compressed bytes in the same way.
"""

import json
import resource
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import psycopg

from brigade.ingest.declare.contract import Contract
from brigade.ingest.declare.table_source import TableSource
from brigade.ingest.extract import Extract, compress_lines
from brigade.ingest.read.postgres import TableReader
from brigade.jsonl import Stamp

_STAMP = Stamp("2026-11-22", "2026-11-22T05:30:00.000Z")
_FETCHED = 2000


class Given:
    """A secret that is not in Secrets Manager."""

    def __init__(self, uri: str) -> None:
        self.uri = uri

    def connect(
        self,
        connect: "Callable[[str], psycopg.Connection[Any]]",
        refused: type[Exception],
        *,
        engine: str | None = None,
    ) -> "psycopg.Connection[Any]":
        """Connect."""
        return connect(self.uri)


def copy(uri: str, table: str, contract: Contract | None = None) -> tuple[Iterator[bytes], Callable[[], int]]:
    """The engine: COPY, pages by the key, stamps."""
    source = TableSource(secret="bench", table=table, key=("id",), schedule="rate(1 day)", contract=contract)
    taken = Extract(source, TableReader(source, Given(uri), lambda: 1e6), _STAMP)
    return taken.lines(), lambda: taken.records


def cursor(uri: str, table: str, *, objects: bool) -> Iterator[bytes]:
    """A server-side cursor: rows as JSON of the server, or made into objects here."""
    end = b"," + msgspec.json.encode({"ingest_date": _STAMP.date, "ingest_ts": _STAMP.ts})[1:] + b"\n"
    shown = "*" if objects else f"row_to_json({table})::text"
    with psycopg.connect(uri) as connection, connection.cursor("bench", binary=objects) as rows:
        rows.execute(f"SELECT {shown} FROM {table} ORDER BY id".encode())
        names = [column.name for column in rows.description or ()]
        encode = msgspec.json.Encoder(decimal_format="number").encode
        while fetched := rows.fetchmany(_FETCHED):
            if objects:
                yield b"".join(encode(dict(zip(names, row, strict=True)))[:-1] + end for row in fetched)
            else:
                yield b"".join(row[0][:-1].encode() + end for row in fetched)


def main() -> None:
    """Run one case."""
    case, uri, table, folder = sys.argv[1:]
    began = time.monotonic()
    count: Callable[[], int] | None = None
    if case in ("cursor", "objects"):
        lines = cursor(uri, table, objects=case == "objects")
    else:
        contract = Contract(fields={"id": "integer"}, extra="evolve") if case == "contract" else None
        lines, count = copy(uri, table, contract)
    size, plain = 0, 0

    def counted() -> Iterator[bytes]:
        nonlocal plain
        for block in lines:
            plain += block.count(b"\n")
            yield block

    with (Path(folder) / "rows.jsonl.gz").open("wb") as out:
        for block in compress_lines(counted()):
            size += out.write(block)
    wall = time.monotonic() - began
    used = resource.getrusage(resource.RUSAGE_SELF)
    assert count is None or count() == plain
    status = Path("/proc/self/status").read_text().splitlines()
    peak = next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM:"))
    cpu = used.ru_utime + used.ru_stime
    print(json.dumps({"cpu_s": cpu, "wall_s": wall, "peak_mib": peak, "bytes": size, "rows": plain}))


if __name__ == "__main__":
    main()
