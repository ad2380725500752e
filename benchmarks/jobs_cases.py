"""The cases of ``benchmarks/jobs.py``: one of them in this process, its figures as a line of JSON on stdout."""

import contextlib
import csv
import hashlib
import io
import json
import logging
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus, unquote_plus

from lambdas.memory import peak_mib

_TASKS = 3000
_CALLS = 2000


def make(folder: Path, rows: int) -> None:
    """Write a delivery in Parquet and a completion report of so many objects."""
    import pyarrow as pa
    from pyarrow import parquet

    keys = [f"photographs/date=2026-11-{n % 30:02}/camera {n % 7}/IMG_{n:08}.jpg" for n in range(rows)]
    kept = {"bucket": pa.array(["lake"] * rows), "key": pa.array(keys), "size": pa.array(range(rows), pa.int64())}
    data = folder / "data.parquet"
    parquet.write_table(pa.table(kept), data, compression="snappy")
    body = data.read_bytes()
    manifest = {
        "sourceBucket": "lake",
        "destinationBucket": "arn:aws:s3:::reports",
        "version": "2016-11-30",
        "creationTimestamp": "1748826000000",
        "fileFormat": "Parquet",
        "fileSchema": "message s3.inventory {  required binary bucket (STRING);  required binary key (STRING);  "
        "optional int64 size;}",
        "files": [{"key": "inv/lake/id/data/d.parquet", "size": len(body), "MD5checksum": _md5(body)}],
    }
    stamp = folder / "2025-06-02T01-00Z"
    stamp.mkdir()
    (folder / "data").mkdir()
    data.rename(folder / "data" / "d.parquet")
    text = json.dumps(manifest).encode()
    (stamp / "manifest.json").write_bytes(text)
    (stamp / "manifest.checksum").write_text(_md5(text) + "\n")
    with (folder / "report.csv").open("w") as plain, (folder / "ids.csv").open("w") as ids:
        for n, key in enumerate(keys):
            text_key, sha256 = quote_plus(key, safe="/"), hashlib.sha256(key.encode()).hexdigest()
            plain.write(f'lake,{text_key},,succeeded,200,,"wrote 256x{n % 256}, {n} bytes: thumbnails/{key}.jpg"\n')
            ids.write(f"lake,{text_key},{sha256[:32]},succeeded,200,,sha256={sha256} bytes={n}\n")


def write_from_parquet(folder: Path, tool: str) -> dict[str, Any]:
    """Write the text of a manifest from a delivery in Parquet, on one core."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    out = (folder / f"manifest-{uuid.uuid4()}.csv").open("wb")
    with _measured() as figures, out:
        if tool == "brigade":
            from brigade.inventory import open_delivery
            from brigade.jobs.manifest import write_manifest
            from brigade.jobs.selection import select_delivery

            with _worked(figures):
                delivery = open_delivery(_NO_S3, str(folder / "2025-06-02T01-00Z" / "manifest.json"))
                figures["rows"] = write_manifest(select_delivery(delivery), "lake", out.write).objects
        else:
            from pyarrow import parquet

            with _worked(figures):
                writer, rows = csv.writer(io.TextIOWrapper(out, write_through=True), lineterminator="\n"), 0
                for batch in parquet.ParquetFile(folder / "data" / "d.parquet").iter_batches(1 << 14):
                    for row in batch.to_pylist():
                        writer.writerow((row["bucket"], quote_plus(row["key"], safe="/")))
                        rows += 1
                figures["rows"] = rows
    return figures


def report(folder: Path, tool: str, name: str = "report.csv") -> dict[str, Any]:
    """From a completion report to its counts by result, code and shape of message."""
    body = folder / name
    results = [
        {"TaskExecutionStatus": "succeeded", "Bucket": "r", "Key": body.name, "MD5Checksum": _md5(body.read_bytes())}
    ]
    text = json.dumps({"Format": "Report_CSV_20180820", "Results": results}).encode()
    (folder / "report.json").write_bytes(text)
    with _measured() as figures:
        if tool == "brigade":
            from brigade.jobs.report import open_report
            from brigade.jobs.report_counts import count_report

            disk: Any = Disk(folder)
            with _worked(figures):
                tally = count_report(open_report(disk, "s3://rrr/report.json"), disk)
            figures["rows"] = tally.succeeded
        else:
            with _worked(figures), body.open(newline="") as file:
                counts: dict[tuple[str, str], int] = {}
                for _, key, _, status, _, code, _ in csv.reader(file):
                    unquote_plus(key)
                    counts[status, code] = counts.get((status, code), 0) + 1
            figures["rows"] = sum(counts.values())
    return figures


def imported(_: Path, tool: str) -> dict[str, Any]:
    """From nothing to a client, ready to be called."""
    with _measured() as figures, _worked(figures):
        if tool == "brigade":
            os.environ.update(BRIGADE_OPERATION="verify", AWS_REGION="us-east-1")
            from lambdas.batch_operations import handler

            handler._setup()
        else:
            import boto3

            boto3.client("s3", region_name="us-east-1")
    return figures


def handler(_: Path, __: str) -> dict[str, Any]:
    """Calls of the handler for an operation that does nothing, less calls of the operation itself."""
    os.environ.update(POWERTOOLS_METRICS_NAMESPACE="B", POWERTOOLS_SERVICE_NAME="operation-nothing")
    from brigade.operations.operation import NoArguments, Operation
    from lambdas.batch_operations import handler as module

    operation = Operation(run=lambda _source, _arguments: "nothing", arguments=NoArguments, summary="", reads=())
    setup = module.Setup(operation=operation, s3=_NO_S3)
    module._setup = lambda: setup  # type: ignore[assignment]  # instead of the environment
    event = {
        "invocationSchemaVersion": "2.0",
        "invocationId": "i",
        "job": {"id": "j", "userArguments": {}},
        "tasks": [{"taskId": "t", "s3Key": "photographs/a+b.jpg", "s3VersionId": None, "s3Bucket": "lake"}],
    }

    def seconds(call: Callable[[], object]) -> float:
        began = time.process_time()
        for _call in range(_CALLS):
            call()
        return time.process_time() - began

    # Logs and metrics go to a pipe on AWS, and to nowhere here.
    with _measured() as figures, Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
        logging.getLogger("operation-nothing").handlers[0].setStream(nowhere)  # type: ignore[attr-defined]  # Powertools' is one
        seconds(lambda: module.handler(event, _Context()))
        whole = seconds(lambda: module.handler(event, _Context()))
        itself = seconds(lambda: operation.run(_NO_S3, _NO_S3))
    return {**figures, "rows": _CALLS, "work_s": whole, "ms": (whole - itself) / _CALLS * 1000}


def local(folder: Path, _: str) -> dict[str, Any]:
    """A job of real Lambda functions on the AWS of this machine."""
    from tests.local.conftest import Emulator, free_port
    from tests.local.local_jobs.batch import Batch

    environment = {**os.environ, "BRIGADE_LOCAL_HOME": str(folder / "home"), "BRIGADE_LOCAL_PORT": str(free_port())}
    brigade = [str(Path(sys.executable).with_name("brigade")), "--quiet", "local"]
    subprocess.run([*brigade, "up"], env=environment, check=True, stdout=subprocess.DEVNULL)
    try:
        batch = Batch(Emulator(folder / "home", f"http://127.0.0.1:{environment['BRIGADE_LOCAL_PORT']}"))
        batch.set_up(WORKER)
        with _measured() as figures:
            done = batch.await_status(batch.create([f"k{n}" for n in range(_TASKS)]), seconds=300)
        progress = done["ProgressSummary"]
        assert progress["NumberOfTasksSucceeded"] == _TASKS, progress
        seconds = (done["TerminationDate"] - done["CreationTime"]).total_seconds()
        return {**figures, "rows": _TASKS, "work_s": seconds, "tasks_s": _TASKS / seconds}
    finally:
        subprocess.run([*brigade, "down"], env=environment, check=True, stdout=subprocess.DEVNULL)


WORKER = """
def handler(event, context):
    results = [{"taskId": task["taskId"], "resultCode": "Succeeded", "resultString": ""} for task in event["tasks"]]
    return {"invocationSchemaVersion": event["invocationSchemaVersion"], "invocationId": event["invocationId"],
            "results": results}
"""


class _Context:
    function_name, function_version, memory_limit_in_mb = "f", "$LATEST", 512
    invoked_function_arn, aws_request_id = "arn:aws:lambda:us-east-1:000000000000:function:f", "r"

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


class Disk:
    """GetObject of files in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get_object(self, **request: Any) -> Any:
        """Return a file in the form of S3's GetObject response."""
        path = self._folder / request["Key"]
        length = path.stat().st_size
        return {
            "Body": path.open("rb"),
            "ContentLength": length,
            "ETag": '"e"',
            "LastModified": datetime(2026, 1, 1, tzinfo=UTC),
            "ResponseMetadata": {"HTTPHeaders": {"date": "Thu, 01 Jan 2026 00:00:00 GMT"}},
        }


_NO_S3: Any = None


@contextlib.contextmanager
def _measured() -> Iterator[dict[str, Any]]:
    figures: dict[str, Any] = {"rows": 0, "bytes": 0, "work_s": 0.0, "work_cpu_s": 0.0}
    yield figures
    figures["peak_mib"] = peak_mib()


@contextlib.contextmanager
def _worked(figures: dict[str, Any]) -> Iterator[None]:
    """Time what the tool does, without the start of Python and the imports."""
    began, began_cpu = time.perf_counter(), time.process_time()
    yield
    figures["work_s"], figures["work_cpu_s"] = time.perf_counter() - began, time.process_time() - began_cpu


def _md5(body: bytes) -> str:
    return hashlib.md5(body, usedforsecurity=False).hexdigest()


_CASES: dict[str, Callable[[Path, str], dict[str, Any]]] = {
    "manifest": write_from_parquet,
    "report": report,
    "ids": lambda folder, tool: report(folder, tool, "ids.csv"),
    "import": imported,
    "handler": handler,
    "local": local,
}

if __name__ == "__main__":
    case, where, argument = sys.argv[1:]
    if case == "make":
        make(Path(where), int(argument))
    else:
        print(json.dumps(_CASES[case](Path(where), argument)))
