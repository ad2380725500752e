"""Ingest beside what others do: pages to compressed bytes, an API to S3, memory from 0.2 to 20 GB, cold import.

Writes ``.brigade/bench/ingest.json``. Each case runs as a process of its own, tools in turn, on the same pages, served
from memory on loopback; S3 is the local AWS. Ours is what is deployed: the function's package, in an environment with
what Lambda's has. Processor time is counted whole, imports included, but in the pipelines, where it begins when the
pages are there, and the least of a tool's runs is quoted. ``growth_mib`` is the peak at 20 GB less that at 0.2 GB;
``cold_import`` is the handler with its set-up, as a multiple of boto3 with an S3 client just before, the median of 60.
"""

import contextlib
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
from rich.console import Console
from rich.table import Table

from benchmarks import ingest_data
from stacks.parts.malloc_environment import MALLOC_ENVIRONMENT
from stacks.parts.package import Package

ROOT = Path(__file__).resolve().parents[1]
_OUT = ROOT / ".brigade/bench/ingest.json"
_VENV = ROOT / ".brigade/bench-ingest"
_LOCK = ROOT / "benchmarks/requirements-ingest.txt"
_PEERS = str(_VENV / "bin/python")
LAMBDA = str(ROOT / ".brigade/lambda-runtime/bin/python")
_OURS = (LAMBDA, "-m", "benchmarks.ingest_cases")
_MIB = 1024 * 1024
_ROUNDS, _STARTS = 9, 60
_CLIENT = "import boto3; boto3.client('s3', region_name='us-east-1')"
_HANDLER = "import lambdas.ingest.handler as handler; handler._setup()"
_QUOTED = {
    "wide_stamp_cpu": ("CPU of file streaming over ours, pages in memory to compressed bytes: wide, stamp", "≥ 25", 1),
    "narrow_stamp_cpu": ("the same: narrow, stamp", "≥ 15", 1),
    "wide_transform_cpu": ("the same: wide, a function of Python over every record", "≥ 4", 1),
    "narrow_transform_cpu": ("the same: narrow, a function", "≥ 8", 1),
    "end_to_end_cpu": ("CPU of file streaming and `upload_file` over ours, HTTP to S3: 2.4 GB, wide, stamp", "≥ 12", 1),
    "dlt_cpu": ("CPU of dlt over ours, the same of 0.87 GB", "≥ 10", 1),
    "smart_open_cpu": ("CPU of smart_open and orjson over ours, the same", "≥ 2", 1),
    "over_idle_mib": ("peak of 20 GB in, over the idle process, MiB", "≤ 59", 1),
    "growth": ("that over the peak of 0.2 GB", "≤ 1.1", 2),
    "cold_import": ("cold import of the handler over boto3 with an S3 client", "≤ 1.15", 2),
}
"""What docs/ingest.md says of each ratio: what it is, the goal, and how many digits; 59 MiB are 48 and two pages."""


def main() -> None:
    """Run every case, print a table, write the figures."""
    _make_venv()
    with Package.of_source(ROOT, "local", "demo").assembled() as package:
        ours = {"PYTHONPATH": f"{package}{os.pathsep}{ROOT}", **MALLOC_ENVIRONMENT}
        runs = [*_pipelines(ours), *_imports(ours | {"PYTHONPATH": str(package)})]
        with aws() as (environment, endpoint, bucket):
            runs += _ends(environment | ours, endpoint, bucket)
            runs += _growth(environment | ours, endpoint, bucket)
    ratios = {
        f"{kind}_{name}_cpu": _per_byte(runs, kind, peer) / _per_byte(runs, kind, ours)
        for kind in ("wide", "narrow")
        for name, peer, ours in (("stamp", "file", "stamp"), ("transform", "file, function", "function"))
    }
    ratios |= {
        f"{name}_cpu": _per_byte(runs, case, tool) / _per_byte(runs, case, "brigade")
        for name, case, tool in (
            ("end_to_end", "end to end", "file"),
            ("dlt", "peers", "dlt"),
            ("smart_open", "peers", "smart_open"),
        )
    }
    small, large = (run["over_idle_mib"] for run in runs if run["case"] == "growth")
    ratios |= {"growth_mib": large - small, "growth": large / small, "over_idle_mib": large}
    ratios["cold_import"] = _paired(runs, "import", "brigade", "boto3 + S3 client")
    _OUT.parent.mkdir(parents=True, exist_ok=True)
    _OUT.write_text(json.dumps({"runs": runs, "ratios": ratios}, indent=2) + "\n")
    _show(runs, ratios)


def _pipelines(ours: dict[str, str]) -> Iterator[dict[str, Any]]:
    for number in range(_ROUNDS):
        for kind in ("wide", "narrow") if number else ("wide", "narrow", "random"):
            for tool in ("file", "file, function") if number else ("file", "file, function", "concatenate", "list"):
                yield _run(kind, tool, 8, [_PEERS, "benchmarks/ingest_peers.py", tool, kind, "8"])
            for tool in ("stamp", "function"):
                yield _run(kind, tool, 40, [*_OURS, tool, kind, "40"], os.environ | ours)


def _imports(ours: dict[str, str]) -> Iterator[dict[str, Any]]:
    environment = {
        "BRIGADE_SOURCE": "demo",
        "BRIGADE_LAKE_BUCKET": "lake",
        "BRIGADE_STATE_BUCKET": "state",
        "POWERTOOLS_SERVICE_NAME": "ingest-demo",
        "AWS_REGION": "us-east-1",
        "PYTHONSAFEPATH": "1",  # what is imported is the package, not the folder that this runs in
    }
    measured = "import time, json; print(json.dumps({'cpu_s': time.process_time()}))"
    for _ in range(_STARTS):
        for tool, code, path in (("boto3 + S3 client", _CLIENT, {}), ("brigade", _HANDLER, ours)):
            yield _run("import", tool, 0, [LAMBDA, "-c", f"{code}; {measured}"], os.environ | environment | path)


def _ends(environment: dict[str, str], endpoint: str, bucket: str) -> Iterator[dict[str, Any]]:
    # The incident's 2.4 GB; some peers would hold all of it in memory, and get a third.
    for case, count, tools in (
        ("end to end", 440, ("brigade", "file") * 2),
        ("peers", 160, ("brigade", "smart_open", "s3fs", "dlt")),
    ):
        for tool in tools:
            program = [*_OURS, "end to end"] if tool == "brigade" else [_PEERS, "benchmarks/ingest_peers.py", tool]
            with api("wide", count) as url:
                yield _run(case, tool, count, [*program, "wide", str(count), url, endpoint, bucket], environment)


def _growth(environment: dict[str, str], endpoint: str, bucket: str) -> Iterator[dict[str, Any]]:
    size = len(ingest_data.page("wide"))
    for total in (200_000_000, 20_000_000_000):
        count = total // size
        command = [*_OURS, "end to end", "wide", str(count), "", endpoint, bucket]
        yield _run("growth", f"{total / 1e9:g} GB", count, command, environment)


def _run(
    case: str, tool: str, pages: int, command: list[str], environment: dict[str, str] | None = None
) -> dict[str, Any]:
    done = subprocess.run(command, cwd=ROOT, env=environment, check=False, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{case}, {tool}: {done.stderr[-2000:]}")
    kind = case if case in ("narrow", "random") else "wide"
    counted = {"rows": pages * ingest_data.records(kind), "bytes_in": pages * len(ingest_data.page(kind))}
    return {"case": case, "tool": tool, **counted, **json.loads(done.stdout.splitlines()[-1])}


@contextlib.contextmanager
def aws() -> Iterator[tuple[dict[str, str], str, str]]:
    """Run a local AWS for the benchmark; yield the environment of a process that calls it, its URL and a bucket."""
    with tempfile.TemporaryDirectory(prefix="bench-ingest-") as home:
        local = [str(ROOT / ".brigade/emulator/bin/python"), "-m", "local"]
        environment = os.environ | {"BRIGADE_LOCAL_HOME": home}

        def ask(*arguments: str) -> Any:
            done = subprocess.run([*local, *arguments], cwd=ROOT, env=environment, check=True, capture_output=True)
            return json.loads(done.stdout or b"{}")

        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        endpoint = ask("up", "--port", str(port))["endpoint"]
        try:
            environment |= ask("env", "--root")
            bucket = f"bench-{uuid.uuid4().hex[:8]}"
            boto3.client(
                "s3",
                endpoint_url=endpoint,
                region_name="us-east-1",
                aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
                aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
            ).create_bucket(Bucket=bucket)
            yield environment, endpoint, bucket
        finally:
            subprocess.run([*local, "down"], cwd=ROOT, env=environment, check=False, capture_output=True)


@contextlib.contextmanager
def api(kind: str, count: int) -> Iterator[str]:
    """Serve an API with this number and kind of pages in its own process; yield its URL."""
    command = [sys.executable, "-m", "benchmarks.ingest_data", kind, str(count)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as serving:
        assert serving.stdout
        assert serving.stdin
        yield f"http://127.0.0.1:{serving.stdout.readline().strip()}/rows"
        serving.stdin.close()
        serving.terminate()


def _make_venv() -> None:
    if not Path(_PEERS).exists():
        subprocess.run([sys.executable, "-m", "venv", str(_VENV)], check=True)
        pip = [_PEERS, "-m", "pip", "install", "-qq", "--no-deps", "--require-hashes", "-r", str(_LOCK)]
        subprocess.run(pip, check=True)


def _per_byte(runs: list[dict[str, Any]], case: str, tool: str) -> float:
    found = [run for run in runs if (run["case"], run["tool"]) == (case, tool)]
    return min(float(run["cpu_s"]) / float(run["bytes_in"]) for run in found)


def _paired(runs: list[dict[str, Any]], case: str, one: str, other: str) -> float:
    """Return the median ratio of consecutive runs, so that other load on the machine affects both alike."""
    found = [[run["cpu_s"] for run in runs if (run["case"], run["tool"]) == (case, tool)] for tool in (one, other)]
    return float(statistics.median(first / second for first, second in zip(*found, strict=True)))


def _show(runs: list[dict[str, Any]], ratios: dict[str, float]) -> None:
    table = Table("case", "tool", "GB in", "cpu_s", "cpu_s/GB", "wall_s", "peak_mib")
    for run in runs:
        size = run["bytes_in"] / 1e9
        each = f"{run['cpu_s'] / size:.2f}" if size else ""
        wall, peak = run.get("wall_s", 0.0), run.get("peak_mib", 0.0)
        table.add_row(
            run["case"], run["tool"], f"{size:.2f}", f"{run['cpu_s']:.2f}", each, f"{wall:.1f}", f"{peak:.0f}"
        )
    console = Console()
    console.print(table)
    console.print("\nThe table of docs/ingest.md:\n")
    print(document(ratios))


def document(ratios: dict[str, float]) -> str:
    """Return the ratios as the table that docs/ingest.md quotes."""
    rows = [f"| {what} | {goal} | {ratios[name]:.{digits}f} |" for name, (what, goal, digits) in _QUOTED.items()]
    return "\n".join(["| what | goal | measured |", "|---|---|---|", *rows])


if __name__ == "__main__":
    main()
