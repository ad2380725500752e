"""The cases of ``benchmarks/inventory.py``: one of them in this process, its figures as a line of JSON on stdout."""

import csv
import gzip
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

_STAMP = "2026-11-22T01-00Z"
_KEY, _SIZE = 1, 5


def main(case: str, folder: str, tool: str) -> None:
    """Run a case by a tool."""
    case, _, core = case.partition(" on core ")
    if core:
        os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[int(core)]})
    if tool == "brigade, two processes":
        print(json.dumps(_twice(folder)))
        return
    files = {"csv one file": 1, "rows csv": 1, "csv five files": 5}.get(case, 10)
    form = {"parq": "Parquet", "orc ": "ORC"}.get(case[:4], "CSV")
    delivery = Path(folder) / f"{form}-{files}" / "lake" / _STAMP
    work = _chosen(case, tool, delivery)
    idle, began = _peak(), time.monotonic()
    rows, size = work()
    told = {"work_s": time.monotonic() - began, "rows": rows, "bytes": size}
    print(json.dumps({**told, "peak_mib": _peak(), "over_idle_mib": _peak() - idle}))


def _twice(folder: str) -> dict[str, float]:
    """Read half of the files by a process on each of two cores: what the machine gives to work that shares nothing."""
    commands = (
        [sys.executable, "-m", __spec__.name, f"csv five files on core {core}", folder, "brigade"] for core in (0, 1)
    )
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for command in commands]
    told = [json.loads(process.communicate()[0].splitlines()[-1]) for process in running]
    sums = {name: sum(each[name] for each in told) for name in told[0]}
    return {**sums, "work_s": max(each["work_s"] for each in told)}


def _chosen(case: str, tool: str, delivery: Path) -> Callable[[], tuple[int, int]]:
    """Return the work as a function, after its imports are done."""
    paths = sorted((delivery.parent / "data").iterdir())
    if case == "rows csv":
        return lambda: _written(tool, delivery, paths[0])
    if tool == "csv + gzip loop":
        return lambda: _loop(paths[0])
    if tool == "duckdb":
        return _duckdb(paths[0])
    if tool == "pyarrow":
        return _pyarrow(delivery.parents[1].name.partition("-")[0], paths, _columns(case))
    return _ours(case, delivery)


def _loop(path: Path) -> tuple[int, int]:
    rows = size = 0
    with gzip.open(path, "rt", encoding="utf-8", newline="") as text:
        for row in csv.reader(text):
            key = unquote_plus(row[_KEY])
            size += int(row[_SIZE] or 0)
            rows += bool(key)
    return rows, size


def _ours(case: str, delivery: Path) -> Callable[[], tuple[int, int]]:
    import boto3
    import pyarrow.compute as pc

    from brigade.inventory import open_delivery, query, read

    client = boto3.client("s3", region_name="us-east-1", aws_access_key_id="none", aws_secret_access_key="none")
    opened = open_delivery(client, str(delivery))

    def batches() -> Iterator[Any]:
        if case.startswith("sql"):
            return query(opened, "SELECT key, max(size) AS size FROM inventory GROUP BY key").batches
        return read(opened, _columns(case))

    def work() -> tuple[int, int]:
        rows = size = 0
        for batch in batches():
            rows += batch.num_rows
            size += pc.sum(batch.column("size")).as_py() or 0
        return rows, size

    return work


def _columns(case: str) -> list[str] | None:
    return None if case.endswith("all columns") else ["key", "size"]


def _pyarrow(form: str, paths: list[Path], columns: list[str] | None) -> Callable[[], tuple[int, int]]:
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import csv as arrow_csv
    from pyarrow import dataset, parquet

    def tables() -> Iterator[Any]:
        for path in paths:
            if form == "Parquet":
                yield from parquet.ParquetFile(path).iter_batches(columns=columns)
            elif form == "ORC":
                yield from dataset.dataset(path, format="orc").to_batches(columns=columns)
            else:
                names = [f"c{at}" for at in range(20)]
                wanted = arrow_csv.ConvertOptions(include_columns=["c1", "c5"], column_types={"c5": pa.int64()})
                for batch in arrow_csv.open_csv(
                    path, arrow_csv.ReadOptions(column_names=names), convert_options=wanted
                ):
                    keys = pa.array([unquote_plus(key) for key in batch.column(0).to_pylist()])
                    yield pa.record_batch([keys, batch.column(1)], names=["key", "size"])

    def work() -> tuple[int, int]:
        rows = size = 0
        for batch in tables():
            rows += batch.num_rows
            size += pc.sum(batch.column("size")).as_py() or 0
        return rows, size

    return work


def _duckdb(path: Path) -> Callable[[], tuple[int, int]]:
    import duckdb
    import pyarrow as pa  # noqa: F401 - what DuckDB gives is Arrow's
    import pyarrow.compute as pc

    columns = {f"c{at}": "VARCHAR" for at in range(20)}
    sql = f"""SELECT url_decode(replace(c1, '+', ' ')) AS key, CAST(nullif(c5, '') AS BIGINT) AS size
        FROM read_csv('{path}', auto_detect = false, header = false, quote = '"', escape = '"', columns = {columns})"""
    connection = duckdb.connect()

    def work() -> tuple[int, int]:
        rows = size = 0
        for batch in connection.sql(sql).to_arrow_reader(1 << 16):
            rows += batch.num_rows
            size += pc.sum(batch.column("size")).as_py() or 0
        return rows, size

    return work


def _written(tool: str, delivery: Path, path: Path) -> tuple[int, int]:
    """Rows in, rows out, from the start of a process to its end; the bytes are those of its stdout."""
    command = [sys.executable, "-m", "benchmarks.inventory_cases", "rewrite", str(path)]
    if tool == "brigade inventory rows":
        command = [str(Path(sys.executable).with_name("brigade")), "inventory", "rows", str(delivery)]
    size = lines = 0
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        while piece := process.stdout.read(1 << 20):
            size += len(piece)
            lines += piece.count(b"\n")
    if process.returncode:
        raise SystemExit(f"{command} exited {process.returncode}")
    return lines, size


def rewrite(path: str) -> None:
    """Read a CSV data file and write it again with its keys decoded, by the standard library."""
    writer = csv.writer(sys.stdout, lineterminator="\n", quoting=csv.QUOTE_ALL)
    with gzip.open(path, "rt", encoding="utf-8", newline="") as text:
        for row in csv.reader(text):
            row[_KEY] = unquote_plus(row[_KEY])
            writer.writerow(row)


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    if sys.argv[1] == "rewrite":
        rewrite(sys.argv[2])
    else:
        main(*sys.argv[1:])
