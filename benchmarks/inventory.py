"""Inventory: rows of a delivery of 10 files of a million rows each, beside what else reads them, in the same run.

Writes ``.brigade/bench/inventory.json``. Each case runs as a process of its own, tools in turn; a ratio is of medians
of ``work_s``, the seconds by the clock from the first file opened to the last row (``wall_s`` has the imports as well).
``csv_keys_wall`` is the csv + gzip loop that decodes keys, over ours, on one file; ``csv_duckdb_wall`` DuckDB's CSV
reader over ours on the same; ``csv_two_cores`` ours on one core over ours on two, ten files; ``parquet_arrow_wall`` and
``orc_arrow_wall`` ours over pyarrow's (which checks no MD5), ten files, key and size; ``rows_csv_wall`` the loop that
writes CSV again over ``brigade inventory rows``, all columns of one file, both from start to end of the process;
``peak_mib`` the most that any reading of ours took over the same process idle, ``sql_peak_mib`` a query that spills.
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

_ROOT = Path(__file__).resolve().parents[1]
_OUT = _ROOT / ".brigade/bench/inventory.json"
_FILES, _ROWS = 10, 1_000_000
_ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
_OURS = "brigade"
_CASES = {
    "csv one file": ("csv + gzip loop", "duckdb", "pyarrow", _OURS),
    "csv ten files, one core": (_OURS,),
    "csv ten files": (_OURS,),
    "parquet ten files": ("pyarrow", _OURS),
    "orc ten files": ("pyarrow", _OURS),
    "parquet ten files, all columns": (_OURS,),
    "orc ten files, all columns": (_OURS,),
    "sql, a group a key": (_OURS,),
    "rows csv": ("csv + gzip loop", "brigade inventory rows"),
}


def main() -> None:
    """Make what is read unless it is there, run every case, print a table, write the figures."""
    data = _ROOT / ".brigade/bench/inventory"
    _call("make", str(data), str(_FILES), str(_ROWS))
    runs: list[dict[str, Any]] = []
    for _ in range(_ROUNDS):
        for case, tools in _CASES.items():
            runs += [_run(case, tool, data) for tool in tools]
    one, ten, loop, sql = "csv one file", "csv ten files", "csv + gzip loop", "sql, a group a key"
    ratios = {
        "csv_keys_wall": _median(runs, one, loop) / _median(runs, one, _OURS),
        "csv_duckdb_wall": _median(runs, one, "duckdb") / _median(runs, one, _OURS),
        "csv_two_cores": _median(runs, f"{ten}, one core", _OURS) / _median(runs, ten, _OURS),
        "parquet_arrow_wall": _median(runs, "parquet ten files", _OURS) / _median(runs, "parquet ten files", "pyarrow"),
        "orc_arrow_wall": _median(runs, "orc ten files", _OURS) / _median(runs, "orc ten files", "pyarrow"),
        "rows_csv_wall": _median(runs, "rows csv", loop) / _median(runs, "rows csv", "brigade inventory rows"),
        "peak_mib": max(run["over_idle_mib"] for run in runs if run["tool"] == _OURS and run["case"] != sql),
        "sql_peak_mib": max(run["over_idle_mib"] for run in runs if run["case"] == sql),
    }
    _OUT.write_text(json.dumps({"runs": runs, "ratios": ratios}, indent=2) + "\n")
    _show(runs, ratios)


def _run(case: str, tool: str, data: Path) -> dict[str, Any]:
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    told = json.loads(_call(case, str(data), tool).splitlines()[-1])
    wall, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"case": case, "tool": tool, "cpu_s": cpu, "wall_s": wall, **told}


def _call(*arguments: str) -> str:
    command = [sys.executable, "-m", "benchmarks.inventory_cases", *arguments]
    return subprocess.run(command, cwd=_ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


def _median(runs: list[dict[str, Any]], case: str, tool: str) -> float:
    return float(statistics.median(run["work_s"] for run in runs if (run["case"], run["tool"]) == (case, tool)))


def _show(runs: list[dict[str, Any]], ratios: dict[str, float]) -> None:
    table = Table("case", "tool", "rows", "cpu_s", "wall_s", "work_s", "peak_mib", "over_idle_mib")
    for run in sorted(runs, key=lambda run: list(_CASES).index(run["case"])):
        cells = [run[name] for name in ("cpu_s", "wall_s", "work_s", "peak_mib", "over_idle_mib")]
        table.add_row(run["case"], run["tool"], f"{run['rows']:,}", *(f"{cell:.2f}" for cell in cells))
    console = Console()
    console.print(table)
    for name, value in ratios.items():
        console.print(f"{name}: {value:,.2f}")


if __name__ == "__main__":
    main()
