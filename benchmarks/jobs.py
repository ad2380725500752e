"""Jobs: manifests and reports a second, beside a loop of the csv module; the handler's overhead and cold import.

Writes ``.brigade/bench/jobs.json``. Each case runs as a process of its own, tools in turn. The ratios of jobs are
figures, not comparisons: ``handler_ms``, processor time of the handler over the function itself; ``cold_import``, as a
multiple of boto3 with an S3 client; ``manifest_rows_s`` by processor time, ``report_rows_s`` and ``local_tasks_s`` by
the clock on all cores.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

_ROOT = Path(__file__).resolve().parents[1]
_OUT = _ROOT / ".brigade/bench/jobs.json"
_ROWS = 1_000_000
_CASES = {
    "manifest": ("csv loop", "brigade"),
    "report": ("csv loop", "brigade"),
    "import": ("boto3 + S3 client", "brigade"),
    "handler": ("brigade",),
    "local": ("brigade",),
}
_ROUNDS = {"import": 7, "manifest": 3, "report": 3}


def main() -> None:
    """Run every case, print a table, write the figures."""
    runs: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="bench-jobs-") as folder:
        subprocess.run(
            [sys.executable, "-m", "benchmarks.jobs_cases", "make", folder, str(_ROWS)], cwd=_ROOT, check=True
        )
        for case, tools in _CASES.items():
            for _ in range(_ROUNDS.get(case, 1)):
                runs += [_run(case, tool, folder) for tool in tools]
    ratios = {
        "handler_ms": _best(runs, "handler", "brigade", "ms"),
        "cold_import": _best(runs, "import", "brigade", "cpu_s") / _best(runs, "import", "boto3 + S3 client", "cpu_s"),
        "manifest_rows_s": _ROWS / _best(runs, "manifest", "brigade", "work_cpu_s"),
        "report_rows_s": _ROWS / _best(runs, "report", "brigade", "work_s"),
        "local_tasks_s": _most(runs, "local", "tasks_s"),
    }
    _OUT.parent.mkdir(parents=True, exist_ok=True)
    _OUT.write_text(json.dumps({"runs": runs, "ratios": ratios}, indent=2) + "\n")
    _show(runs, ratios)


def _run(case: str, tool: str, folder: str) -> dict[str, Any]:
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.jobs_cases", case, folder, tool], cwd=_ROOT, check=True, capture_output=True
    )
    wall, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"case": case, "tool": tool, "cpu_s": cpu, "wall_s": wall, **json.loads(done.stdout.splitlines()[-1])}


def _best(runs: list[dict[str, Any]], case: str, tool: str, name: str) -> float:
    return float(min(run[name] for run in runs if (run["case"], run["tool"]) == (case, tool)))


def _most(runs: list[dict[str, Any]], case: str, name: str) -> float:
    return float(max(run[name] for run in runs if run["case"] == case))


def _show(runs: list[dict[str, Any]], ratios: dict[str, float]) -> None:
    table = Table("case", "tool", "rows", "cpu_s", "wall_s", "work_s", "peak_mib")
    for run in runs:
        cells = [run[name] for name in ("cpu_s", "wall_s", "work_s", "peak_mib")]
        table.add_row(run["case"], run["tool"], f"{run['rows']:,}", *(f"{cell:.2f}" for cell in cells))
    console = Console()
    console.print(table)
    for name, value in ratios.items():
        console.print(f"{name}: {value:,.2f}")


if __name__ == "__main__":
    main()
