"""Peers that ingest a table: the plain script, and dlt's SQL source, from their own wheels.

``python benchmarks/database_peers.py TOOL URI TABLE FOLDER``: the table to gzip JSON Lines in a folder. Imports nothing
of this product, and runs in an environment without it.
"""

import gzip
import json
import os
import resource
import sys
import time
from pathlib import Path

STAMP = {"ingest_date": "2026-11-22", "ingest_ts": "2026-11-22T05:30:00.000Z"}


def fetchall(uri: str, table: str, folder: Path) -> int:
    """All rows into a list, json and gzip of the standard library."""
    import psycopg

    with psycopg.connect(uri) as connection, gzip.open(folder / "rows.jsonl.gz", "wt") as out:
        cursor = connection.execute(f"SELECT * FROM {table}")
        names = [column.name for column in cursor.description or ()]
        rows = cursor.fetchall()
        for row in rows:
            out.write(json.dumps(dict(zip(names, row, strict=True)) | STAMP, default=str) + "\n")
    return len(rows)


def through_dlt(uri: str, table: str, folder: Path) -> int:
    """Let dlt read by SQLAlchemy and write, nested values as JSON in the record, as ours are."""
    os.environ |= {
        "RUNTIME__DLTHUB_TELEMETRY": "false",
        "DESTINATION__FILESYSTEM__BUCKET_URL": (folder / "out").as_uri(),
    }
    import dlt  # type: ignore[import-not-found] # in the peers' environment only
    from dlt.sources.sql_database import sql_table  # type: ignore[import-not-found] # in the peers' environment only

    rows = sql_table(uri.replace("postgresql:", "postgresql+psycopg:"), table)
    rows.max_table_nesting = 0
    pipeline = dlt.pipeline("bench", destination="filesystem", dataset_name="bench", pipelines_dir=str(folder / "work"))
    pipeline.run(rows.add_map(lambda record: record | STAMP), loader_file_format="jsonl")
    return int(pipeline.last_trace.last_normalize_info.row_counts[table])


def main() -> None:
    """Run one tool and print what it took."""
    tool, uri, table, folder = sys.argv[1:]
    began = time.monotonic()
    rows = {"fetchall": fetchall, "dlt": through_dlt}[tool](uri, table, Path(folder))
    wall = time.monotonic() - began
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    status = Path("/proc/self/status").read_text().splitlines()
    peak = next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM:"))
    size = sum(file.stat().st_size for file in Path(folder).rglob("*") if ".jsonl" in file.name)
    cpu = sum(each.ru_utime + each.ru_stime for each in used)
    print(json.dumps({"cpu_s": cpu, "wall_s": wall, "peak_mib": peak, "bytes": size, "rows": rows}))


if __name__ == "__main__":
    main()
