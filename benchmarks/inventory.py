"""Inventory: rows of a delivery of 10 files of a million rows each, beside what else reads them, in the same run.

Writes ``.brigade/bench/inventory.json``. Each run of a case is a process of its own, the tools of a case one after the
other, five rounds, in each the cases whose ratio is narrow twice or three times. A ratio is of ``work_s``, the seconds
by the clock from the first file opened to the last row (``wall_s`` has imports too), each run's over that of the run
of the other tool beside it, and of these the median: a machine with other guests is quicker at one time than at
another, by more than what is compared here. ``csv_keys_wall`` is the csv + gzip loop that decodes keys, over ours, on
one file; ``csv_duckdb_wall`` DuckDB's CSV reader over ours on the same; ``csv_two_cores`` ours on one core over ours
on two, ten files, and ``csv_two_processes`` over two processes of ours that share nothing, five files and a core each:
what the machine gives; ``parquet_arrow_wall`` and ``orc_arrow_wall`` ours over pyarrow's (which checks no MD5), ten
files, key and size, ``parquet_all_wall`` and ``orc_all_wall`` the same of all columns; ``rows_csv_wall`` the loop that
writes CSV again over ``brigade inventory rows``, all columns of one file, both from start to end of the process;
``peak_mib`` the most that any reading of ours took over the same process idle, ``sql_peak_mib`` a query that spills.
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
_OURS, _TWICE, _LOOP = "brigade", "brigade, two processes", "csv + gzip loop"
_ONE, _TEN, _ALONE, _SQL, _ROWS_CSV = (
    "csv one file",
    "csv ten files",
    "csv ten files on core 0",
    "sql, a group a key",
    "rows csv",
)
_PARQUET, _ORC, _ALL = "parquet ten files", "orc ten files", ", all columns"
_ROUND = (  # how often in a round, the cases and tools one after the other
    (2, ((_ONE, _LOOP), (_ONE, "pyarrow"), (_ONE, "duckdb"), (_ONE, _OURS))),
    (2, ((_ALONE, _OURS), (_TEN, _OURS), (_TEN, _TWICE))),
    (3, ((_PARQUET, "pyarrow"), (_PARQUET, _OURS))),
    (1, ((_ORC, "pyarrow"), (_ORC, _OURS))),
    (2, ((_PARQUET + _ALL, "pyarrow"), (_PARQUET + _ALL, _OURS))),
    (1, ((_ORC + _ALL, "pyarrow"), (_ORC + _ALL, _OURS))),
    (1, ((_SQL, _OURS),)),
    (1, ((_ROWS_CSV, _LOOP), (_ROWS_CSV, "brigade inventory rows"))),
)

Runs = list[dict[str, Any]]


def main() -> None:
    """Make what is read unless it is there, run every case, print a table, write the figures."""
    data = ROOT / ".brigade/bench/inventory"
    # By a process of its own: what this one has taken would count as the peak of each that it starts.
    making = multiprocessing.get_context("spawn").Process(target=make, args=(data, _FILES, _ROWS))
    making.start()
    making.join()
    if making.exitcode:
        raise SystemExit(making.exitcode)
    runs: Runs = []
    for _ in range(_ROUNDS):
        for times, beside in _ROUND:
            runs += [run("benchmarks.inventory_cases", case, data, tool) for _ in range(times) for case, tool in beside]
    ratios = {
        "csv_keys_wall": _ratio(runs, (_ONE, _LOOP), (_ONE, _OURS)),
        "csv_duckdb_wall": _ratio(runs, (_ONE, "duckdb"), (_ONE, _OURS)),
        "csv_two_cores": _ratio(runs, (_ALONE, _OURS), (_TEN, _OURS)),
        "csv_two_processes": _ratio(runs, (_ALONE, _OURS), (_TEN, _TWICE)),
        "parquet_arrow_wall": _ratio(runs, (_PARQUET, _OURS), (_PARQUET, "pyarrow")),
        "parquet_all_wall": _ratio(runs, (_PARQUET + _ALL, _OURS), (_PARQUET + _ALL, "pyarrow")),
        "orc_arrow_wall": _ratio(runs, (_ORC, _OURS), (_ORC, "pyarrow")),
        "orc_all_wall": _ratio(runs, (_ORC + _ALL, _OURS), (_ORC + _ALL, "pyarrow")),
        "rows_csv_wall": _ratio(runs, (_ROWS_CSV, _LOOP), (_ROWS_CSV, "brigade inventory rows")),
        "peak_mib": max(run["over_idle_mib"] for run in runs if run["tool"] == _OURS and run["case"] != _SQL),
        "sql_peak_mib": max(run["over_idle_mib"] for run in runs if run["case"] == _SQL),
    }
    _OUT.write_text(json.dumps({"runs": runs, "ratios": ratios}, indent=2) + "\n")
    show(list(_medians(runs)), ratios, "cpu_s", "wall_s", "work_s", "peak_mib", "over_idle_mib")


def _medians(runs: Runs) -> Iterator[dict[str, Any]]:
    """Return one row for each case and tool, with the median of each figure."""
    for case, tool in (each for _, beside in _ROUND for each in beside):
        found = _of(runs, case, tool)
        figures = {name for name in found[0] if name not in ("case", "tool")}
        yield found[0] | {name: statistics.median(run[name] for run in found) for name in figures}


def _ratio(runs: Runs, over: tuple[str, str], under: tuple[str, str]) -> float:
    """Return the median ratio of each run's time to the time of the paired run."""
    pairs = zip(_of(runs, *over), _of(runs, *under), strict=True)
    return statistics.median(float(one["work_s"] / other["work_s"]) for one, other in pairs)


def _of(runs: Runs, case: str, tool: str) -> Runs:
    return [run for run in runs if (run["case"], run["tool"]) == (case, tool)]


if __name__ == "__main__":
    main()
