"""A case of a benchmark run as a process of its own, and the runs as a table."""

import json
import resource
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]

Run = dict[str, Any]


def run(module: str, case: str, folder: str | Path, tool: str) -> Run:
    """Run a case as ``python -m MODULE CASE FOLDER TOOL``; give what it costs, and the figures that it prints last.

    ``cpu_s`` is of the process and its children, user and system; ``wall_s`` from its start to its end.
    """
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    command = [sys.executable, "-m", module, case, str(folder), tool]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    wall, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"case": case, "tool": tool, "cpu_s": cpu, "wall_s": wall, **json.loads(done.stdout.splitlines()[-1])}


def show(runs: Sequence[Run], ratios: Mapping[str, float], *figures: str) -> None:
    """Print a row a run, with these of its figures, and the ratios below."""
    table = Table("case", "tool", "rows", *figures)
    for each in runs:
        table.add_row(each["case"], each["tool"], f"{each['rows']:,}", *(f"{each[name]:.2f}" for name in figures))
    console = Console(width=None if sys.stdout.isatty() else 160)
    console.print(table)
    for name, value in ratios.items():
        console.print(f"{name}: {value:,.2f}")
