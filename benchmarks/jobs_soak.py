"""A job of 100,000 tasks through real Lambda functions on the local AWS: its pace, and the server's memory on the way.

``python -m benchmarks.jobs_soak [TASKS]``. Exit 1 when a task failed, or when the server takes over 64 MiB more at the
end than it took after a tenth of the job.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.jobs_cases import WORKER
from tests.local.conftest import Emulator, free_port
from tests.local.local_jobs.batch import ENDED, Batch

_TASKS = 100_000
_MOST_MIB = 64
_LOOK_S = 5


def main(tasks: int) -> int:
    """Run the job, print a line each tenth, give the exit status."""
    with tempfile.TemporaryDirectory(prefix="soak-jobs-") as folder:
        port = str(free_port())
        environment = {**os.environ, "BRIGADE_LOCAL_HOME": f"{folder}/home", "BRIGADE_LOCAL_PORT": port}
        brigade = [str(Path(sys.executable).with_name("brigade")), "--quiet", "local"]
        subprocess.run([*brigade, "up"], env=environment, check=True, stdout=subprocess.DEVNULL)
        try:
            told = subprocess.run(
                [*brigade[:2], "--json", "local", "status"], env=environment, check=True, stdout=subprocess.PIPE
            )
            batch = Batch(Emulator(Path(folder, "home"), f"http://127.0.0.1:{port}"))
            return _soak(batch, tasks, json.loads(told.stdout)["pid"])
        finally:
            subprocess.run([*brigade, "down"], env=environment, check=True, stdout=subprocess.DEVNULL)


def _soak(batch: Batch, tasks: int, server: int) -> int:
    batch.set_up(WORKER)
    job, began, taken = batch.create([f"photographs/{n:08}.jpg" for n in range(tasks)]), time.monotonic(), [0.0]
    while (seen := batch.describe(job))["Status"] not in ENDED:
        done = seen["ProgressSummary"]["NumberOfTasksSucceeded"]
        if done >= len(taken) * tasks / 10:
            taken.append(_mib(server))
            print(f"{done:,} of {tasks:,}: {done / (time.monotonic() - began):.0f} a second, {taken[-1]:.0f} MiB")
        time.sleep(_LOOK_S)
    progress, peak = seen["ProgressSummary"], _mib(server)
    print(
        f"{seen['Status']}: {progress['NumberOfTasksSucceeded']:,} done, {progress['NumberOfTasksFailed']:,} failed, "
    )
    print(f"{tasks / (time.monotonic() - began):.0f} a second, {peak:.0f} MiB at most")
    well = seen["Status"] == "Complete" and progress["NumberOfTasksSucceeded"] == tasks
    return 0 if well and peak - taken[min(1, len(taken) - 1)] < _MOST_MIB else 1


def _mib(process: int) -> float:
    """The most memory that a process has had."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else _TASKS))
