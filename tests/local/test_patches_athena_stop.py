"""A query that is stopped has stopped; without its patch it runs on and then has SUCCEEDED or FAILED."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

from tests.local.conftest import Emulator, run_local

_HOURS = "SELECT count(*) FROM " + ", ".join(f"UNNEST(sequence(1, 10000)) AS t{n} (n{n})" for n in range(4))


def test_a_stopped_query_ends_and_stays_cancelled(emulator: Emulator) -> None:
    athena = emulator.root("athena")
    emulator.root("s3").create_bucket(Bucket="results-of-stopped")
    location = {"ResultConfiguration": {"OutputLocation": "s3://results-of-stopped/"}}
    athena.create_work_group(Name="stopped", Configuration=location)
    query = athena.start_query_execution(QueryString=_HOURS, WorkGroup="stopped")["QueryExecutionId"]
    assert _until(lambda: _works(emulator)), "it does not work on the query"
    athena.stop_query_execution(QueryExecutionId=query)
    # It has other things to do now and then, and the query would take hours.
    assert _until(lambda: not _works(emulator)), "it still works on the query"
    status = athena.get_query_execution(QueryExecutionId=query)["QueryExecution"]["Status"]
    assert status["State"] == "CANCELLED"


def test_a_query_that_is_stopped_before_it_runs_never_runs(emulator: Emulator) -> None:
    athena = emulator.root("athena")
    for _ in range(5):
        query = athena.start_query_execution(QueryString=_HOURS, WorkGroup="stopped")["QueryExecutionId"]
        athena.stop_query_execution(QueryExecutionId=query)
    assert _until(lambda: not _works(emulator)), "it works on a query"


def test_a_query_that_outgrows_its_memory_fails_and_fills_no_disk(emulator: Emulator) -> None:
    athena = emulator.root("athena")
    huge = "SELECT array_agg(a.n * 100000 + b.n) FROM " + ", ".join(
        f"UNNEST(sequence(1, 30000)) AS {t} (n)" for t in "ab"
    )
    query = athena.start_query_execution(QueryString=huge, WorkGroup="stopped")["QueryExecutionId"]
    for _ in range(600):
        status = athena.get_query_execution(QueryExecutionId=query)["QueryExecution"]["Status"]
        if status["State"] not in {"QUEUED", "RUNNING"}:
            break
        time.sleep(0.1)
    assert status["State"] == "FAILED"
    assert "memory" in status["StateChangeReason"].lower()


def _until(true: Callable[[], bool]) -> bool:
    return any(true() for _ in range(20))


def _works(emulator: Emulator) -> bool:
    """Return whether the server uses the CPU for more than 0.3 seconds."""
    used = _processor_s(emulator)
    time.sleep(1)
    return _processor_s(emulator) - used > 0.3


def _processor_s(emulator: Emulator) -> float:
    """The seconds of processor that the server has used (utime and stime of proc(5))."""
    pid = json.loads(run_local(emulator.home, "status").stdout)["pid"]
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
