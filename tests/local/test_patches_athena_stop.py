"""A query that is stopped has stopped; without its patch it runs on and then has SUCCEEDED or FAILED."""

import json
import os
import time
from pathlib import Path

import pytest

from tests.local.conftest import Emulator, run_local

_HOURS = "SELECT count(*) FROM " + ", ".join(f"UNNEST(sequence(1, 10000)) AS t{n} (n{n})" for n in range(4))


def test_a_stopped_query_ends_and_stays_cancelled(emulator: Emulator) -> None:
    athena = emulator.root("athena")
    emulator.root("s3").create_bucket(Bucket="results-of-stopped")
    location = {"ResultConfiguration": {"OutputLocation": "s3://results-of-stopped/"}}
    athena.create_work_group(Name="stopped", Configuration=location)
    query = athena.start_query_execution(QueryString=_HOURS, WorkGroup="stopped")["QueryExecutionId"]
    time.sleep(0.5)
    used = _processor_s(emulator)
    time.sleep(1)
    assert _processor_s(emulator) - used > 0.3, "it does not work on the query"
    athena.stop_query_execution(QueryExecutionId=query)
    for _ in range(10):  # it has other things to do now and then, and the query would take hours
        used = _processor_s(emulator)
        time.sleep(1)
        if _processor_s(emulator) - used < 0.3:
            break
    else:
        pytest.fail("it still works on the query")
    status = athena.get_query_execution(QueryExecutionId=query)["QueryExecution"]["Status"]
    assert status["State"] == "CANCELLED"


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


def _processor_s(emulator: Emulator) -> float:
    """The seconds of processor that the server has used (utime and stime of proc(5))."""
    pid = json.loads(run_local(emulator.home, "status").stdout)["pid"]
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
