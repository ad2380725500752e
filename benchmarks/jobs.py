"""Jobs: manifests and reports a second, beside a loop of the csv module; the handler's overhead and cold import.

Writes ``.brigade/bench/jobs.json``. Each case runs as a process of its own, tools in turn. The ratios of jobs are
figures, not comparisons: ``handler_ms``, processor time of the handler over the function itself; ``cold_import``, as a
multiple of boto3 with an S3 client; ``manifest_rows_s`` by the clock on one core; ``report_rows_s``, ``ids_rows_s`` (a
report whose every message has a hash, and whose every row has a version) and ``local_tasks_s`` by the clock on all.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.table import run, show

_ROOT = Path(__file__).resolve().parents[1]
_OUT = _ROOT / ".brigade/bench/jobs.json"
_ROWS = 1_000_000
_CASES = {
    "manifest": ("csv loop", "brigade"),
    "report": ("csv loop", "brigade"),
    "ids": ("csv loop", "brigade"),
    "import": ("boto3 + S3 client", "brigade"),
    "handler": ("brigade",),
    "local": ("brigade",),
}
_ROUNDS = {"import": 7, "manifest": 3, "report": 3, "ids": 3}


def main() -> None:
    """Run every case, print a table, write the figures."""
    runs: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="bench-jobs-") as folder:
        subprocess.run(
            [sys.executable, "-m", "benchmarks.jobs_cases", "make", folder, str(_ROWS)], cwd=_ROOT, check=True
        )
        for case, tools in _CASES.items():
            for _ in range(_ROUNDS.get(case, 1)):
                runs += [run("benchmarks.jobs_cases", case, folder, tool) for tool in tools]
    ratios = {
        "handler_ms": _best(runs, "handler", "brigade", "ms"),
        "cold_import": _best(runs, "import", "brigade", "cpu_s") / _best(runs, "import", "boto3 + S3 client", "cpu_s"),
        "manifest_rows_s": _ROWS / _best(runs, "manifest", "brigade", "work_s"),
        "report_rows_s": _ROWS / _best(runs, "report", "brigade", "work_s"),
        "ids_rows_s": _ROWS / _best(runs, "ids", "brigade", "work_s"),
        "local_tasks_s": _most(runs, "local", "tasks_s"),
    }
    _OUT.parent.mkdir(parents=True, exist_ok=True)
    _OUT.write_text(json.dumps({"runs": runs, "ratios": ratios}, indent=2) + "\n")
    show(runs, ratios, "cpu_s", "wall_s", "work_s", "work_cpu_s", "peak_mib")


def _best(runs: list[dict[str, Any]], case: str, tool: str, name: str) -> float:
    return float(min(run[name] for run in runs if (run["case"], run["tool"]) == (case, tool)))


def _most(runs: list[dict[str, Any]], case: str, name: str) -> float:
    return float(max(run[name] for run in runs if run["case"] == case))


if __name__ == "__main__":
    main()
