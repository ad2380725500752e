"""Jobs outlive the server: stopped or killed in the middle, they go on when it is up again."""

import json
import os
import signal
from pathlib import Path

import pytest
import urllib3

from tests.local.conftest import Emulator, free_port, run_local
from tests.local.local_jobs.batch import Batch
from tests.local.local_jobs.conftest import FUNCTION


def up(home: Path, port: int) -> tuple[Emulator, int]:
    said = json.loads(run_local(home, "up", "--port", str(port)).stdout)
    return Emulator(home=home, endpoint=said["endpoint"]), said["pid"]


@pytest.mark.parametrize("how", ["stopped", "killed"])
def test_a_job_goes_on_where_it_was(tmp_path: Path, how: str) -> None:
    port = free_port()
    emulator, pid = up(tmp_path, port)
    try:
        batch = Batch(emulator)
        batch.set_up(FUNCTION)
        keys = [f"slow/0.1/{number}" for number in range(80)]
        job_id = batch.create(keys)
        waiting = batch.create(["ok"], ConfirmationRequired=True)
        batch.await_status(waiting, "Suspended")
        while batch.describe(job_id)["ProgressSummary"]["NumberOfTasksSucceeded"] < 10:
            pass
        if how == "killed":
            with urllib3.PoolManager() as pool:
                pool.request("POST", f"{emulator.endpoint}/_brigade/save")
            os.kill(pid, signal.SIGKILL)
        else:
            run_local(tmp_path, "down")
        state = json.loads((tmp_path / "jobs" / job_id / "job.json").read_text())
        assert state["status"] == "Active"

        up(tmp_path, port)
        job = batch.await_status(job_id)
        assert job["Status"] == "Complete"
        assert job["ProgressSummary"]["NumberOfTasksSucceeded"] == len(keys)
        assert job["ProgressSummary"]["NumberOfTasksFailed"] == 0
        assert sorted(row[1] for row in batch.rows(job_id)) == sorted(keys)
        assert batch.describe(waiting)["Status"] == "Suspended"
    finally:
        run_local(tmp_path, "down")
