"""Inventory: rows of a delivery of 10 files of a million rows each, beside what else reads them, in the same run.

Writes ``.brigade/bench/inventory.json``. Each case runs as a process of its own, tools in turn, five rounds; a ratio is
of the median ``work_s`` of each, the seconds by the clock from the first file opened to the last row (``wall_s`` has
imports too): the best of each would be a quiet moment of the machine, which work on one core finds sooner than work on
two. ``csv_keys_wall`` is the csv + gzip loop that decodes keys, over ours, on one file; ``csv_duckdb_wall`` DuckDB's
CSV reader over ours on the same; ``csv_two_cores`` ours on one core over ours on two, ten files, and
``csv_two_processes`` over two processes of ours that share nothing, five files and a core each: what the machine gives;
``parquet_arrow_wall`` and ``orc_arrow_wall`` ours over pyarrow's (which checks no MD5), ten files, key and size,
``parquet_all_wall`` and ``orc_all_wall`` the same of all columns; ``rows_csv_wall`` the loop that writes CSV again over
``brigade inventory rows``, all columns of one file, both from start to end of the process; ``peak_mib`` the most that
any reading of ours took over the same process idle, ``sql_peak_mib`` a query that spills.
"""

import json
import multiprocessing
import os
import statistics
from collections.abc import Iterator
from typing import Any

from benchmarks.inventory_data import make
from benchmarks.table import ROOT, run, show

_OUT = ROOT / ".brigade/bench/inventory.json"
_FILES, _ROWS = 10, 1_000_000
_ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
_OURS, _TWICE = "brigade", "brigade, two processes"
_CASES = {
    "csv one file": ("csv + gzip loop", "duckdb", "pyarrow", _OURS),
    "csv ten files on core 0": (_OURS,),
    "csv ten files": (_OURS, _TWICE),
    "parquet ten files": ("pyarrow", _OURS),
    "orc ten files": ("pyarrow", _OURS),
    "parquet ten files, all columns": ("pyarrow", _OURS),
    "orc ten files, all columns": ("pyarrow", _OURS),
    "sql, a group a key": (_OURS,),
    "rows csv": ("csv + gzip loop", "brigade inventory rows"),
}


def main() -> None:
    """Make what is read unless it is there, run every case, print a table, write the figures."""
    data = ROOT / ".brigade/bench/inventory"
    # By a process of its own: what this one has taken would count as the peak of each that it starts.
    making = multiprocessing.get_context("spawn").Process(target=make, args=(data, _FILES, _ROWS))
    making.start()
    making.join()
    if making.exitcode:
        raise SystemExit(making.exitcode)
    runs: list[dict[str, Any]] = []
    for _ in range(_ROUNDS):
        for case, tools in _CASES.items():
            runs += [run("benchmarks.inventory_cases", case, data, tool) for tool in tools]
    one, ten, loop, sql = "csv one file", "csv ten files", "csv + gzip loop", "sql, a group a key"
    ratios = {
        "csv_keys_wall": _median(runs, one, loop) / _median(runs, one, _OURS),
        "csv_duckdb_wall": _median(runs, one, "duckdb") / _median(runs, one, _OURS),
        "csv_two_cores": _median(runs, f"{ten} on core 0", _OURS) / _median(runs, ten, _OURS),
        "csv_two_processes": _median(runs, f"{ten} on core 0", _OURS) / _median(runs, ten, _TWICE),
        **{
            f"{form}_{name}_wall": _median(runs, case, _OURS) / _median(runs, case, "pyarrow")
            for form in ("parquet", "orc")
            for name, case in (("arrow", f"{form} ten files"), ("all", f"{form} ten files, all columns"))
        },
        "rows_csv_wall": _median(runs, "rows csv", loop) / _median(runs, "rows csv", "brigade inventory rows"),
        "peak_mib": max(run["over_idle_mib"] for run in runs if run["tool"] == _OURS and run["case"] != sql),
        "sql_peak_mib": max(run["over_idle_mib"] for run in runs if run["case"] == sql),
    }
    _OUT.write_text(json.dumps({"runs": runs, "ratios": ratios}, indent=2) + "\n")
    show(list(_medians(runs)), ratios, "cpu_s", "wall_s", "work_s", "peak_mib", "over_idle_mib")


def _medians(runs: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Give a row a case and tool: the median of each figure."""
    for case, tools in _CASES.items():
        for tool in tools:
            found = [run for run in runs if (run["case"], run["tool"]) == (case, tool)]
            figures = {name for name in found[0] if name not in ("case", "tool")}
            yield found[0] | {name: statistics.median(run[name] for run in found) for name in figures}


def _median(runs: list[dict[str, Any]], case: str, tool: str) -> float:
    return float(statistics.median(run["work_s"] for run in runs if (run["case"], run["tool"]) == (case, tool)))


if __name__ == "__main__":
    main()
