"""Pipes to and from S3 beside s5cmd, aws s3 cp, obstore, boto3 and smart_open, against one SeaweedFS on loopback.

Writes ``.brigade/bench/pipe.json``. Each run is a process of its own, tools in turn, shuffled each round; its CPU
and peak memory are the kernel's (wait4), its feeder and its reader are not counted. Two inputs: random bytes, and as
many of zeros and JSON text. Every tool with its checksums as it ships; ours proves every byte both ways.

``up_cpu_s5cmd`` and the like are s5cmd's cost over ours, medians over both inputs; ``peak_mib`` the most of ours;
``start_ms`` the time from start to the first byte of a small object, less that of ``python -c pass``.
"""

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(_ROOT))

from tests.pipe.conftest import KEYS, Weed, make_bucket  # noqa: E402 - the tests' server, behind the path to them

_OUT = _ROOT / ".brigade/bench/pipe.json"
_DATA = _ROOT / ".brigade/bench/pipe"
_VENV = _ROOT / ".brigade/bench-pipe"
_OURS = "brigade"
_MIB = 1024 * 1024
_TOOLS = (_OURS, "s5cmd", "aws", "aws crt", "obstore", "boto3", "smart_open")


def main() -> None:
    """Run every tool, print a table, write the figures."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--rounds", type=int, default=5)
    asked.add_argument("--mib", type=int, default=1024)
    asked.add_argument("--tools", default=",".join(_TOOLS))
    options = asked.parse_args()
    _peers()
    inputs = _inputs(options.mib)
    runs: list[dict[str, Any]] = []
    with _server() as endpoint:
        for number in range(options.rounds):
            for case, data in inputs.items():
                runs += _round(number, case, data, options.tools.split(","), endpoint)
        start = _start_ms(endpoint)
    ratios = {
        f"{way}_{what}_{peer}": round(_median(runs, way, peer, f"{what}_s") / _median(runs, way, _OURS, f"{what}_s"), 2)
        for peer in options.tools.split(",")
        if peer != _OURS
        for way in ("up", "down")
        for what in ("cpu", "wall")
    }
    ratios = {name.replace(" ", "_"): value for name, value in ratios.items()}
    ratios["peak_mib"] = max(run["peak_mib"] for run in runs if run["tool"] == _OURS)
    ratios["start_ms"] = round(start, 1)
    _OUT.parent.mkdir(parents=True, exist_ok=True)
    _OUT.write_text(json.dumps({"runs": runs, "ratios": ratios}, indent=2) + "\n")
    _show(runs, ratios)


def _round(number: int, case: str, data: Path, tools: list[str], endpoint: str) -> list[dict[str, Any]]:
    bucket, runs = f"bench-{number}-{case}", []
    make_bucket(endpoint, bucket)
    for tool in random.Random(number).sample(tools, len(tools)):  # else one always runs behind the same other
        uri = f"s3://{bucket}/{tool.replace(' ', '-')}"
        runs += [
            {"case": f"{way} {case}", "tool": tool, **_measured(tool, way, uri, data, endpoint)}
            for way in ("up", "down")
        ]
    _remove_bucket(endpoint, bucket)
    return runs


def _measured(tool: str, way: str, uri: str, data: Path, endpoint: str) -> dict[str, Any]:
    os.sync()  # nobody waits for what another has written
    command, more = _command(tool, way, uri)
    environment = _environment(endpoint, **more)
    begun = time.monotonic()
    beside: subprocess.Popen[bytes]
    if way == "up":
        beside = subprocess.Popen(["cat", str(data)], stdout=subprocess.PIPE)
        running = subprocess.Popen(
            command, stdin=beside.stdout, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment
        )
    else:
        running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
        beside = subprocess.Popen(["wc", "-c"], stdin=running.stdout, stdout=subprocess.PIPE)
    for end in (beside.stdout if way == "up" else None, running.stdout):
        if end:
            end.close()
    _, status, used = os.wait4(running.pid, 0)
    wall = time.monotonic() - begun
    running.returncode = os.waitstatus_to_exitcode(status)
    told = beside.communicate()[0] if way == "down" else b""
    beside.wait()
    if running.returncode or (way == "down" and int(told) != data.stat().st_size):
        raise RuntimeError(
            f"{tool} {way}: {running.returncode} {running.stderr.read().decode() if running.stderr else ''}"
        )
    if running.stderr:
        running.stderr.close()
    return {
        "cpu_s": round(used.ru_utime + used.ru_stime, 3),
        "wall_s": round(wall, 3),
        "peak_mib": round(used.ru_maxrss / 1024, 1),
        "bytes": data.stat().st_size,
        "rows": 0,
    }


def _command(tool: str, way: str, uri: str) -> tuple[list[str], dict[str, str]]:
    venv = _VENV / "bin"
    if tool == _OURS:
        return [str(_ROOT / ".venv/bin/brigade"), "--quiet", "pipe", "to" if way == "up" else "from", uri], {}
    if tool == "s5cmd":
        binary = next(_VENV.glob("lib/python*/site-packages/s5cmd/**/s5cmd"), venv / "s5cmd")
        return [str(binary), "pipe" if way == "up" else "cat", uri], {}
    if tool.startswith("aws"):
        config = _DATA / f"config-{tool.replace(' ', '-')}"
        client = "crt" if tool == "aws crt" else "classic"
        config.write_text(f"[default]\ns3 =\n  preferred_transfer_client = {client}\n")
        ends = ["-", uri] if way == "up" else [uri, "-"]
        return [str(venv / "aws"), "s3", "cp", "--quiet", *ends], {"AWS_CONFIG_FILE": str(config)}
    return [str(venv / "python"), str(_ROOT / "benchmarks/pipe_peers.py"), tool, way, uri], {}


def _environment(endpoint: str, **more: str) -> dict[str, str]:
    """Return the environment of every tool. Python keeps its compiled files, as it does for an installed tool."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    compiled = {"PYTHONPYCACHEPREFIX": str(_DATA / "compiled")}
    return {**kept, **KEYS, **compiled, "AWS_ENDPOINT_URL": endpoint, "S3_ENDPOINT_URL": endpoint, **more}


def _start_ms(endpoint: str) -> float:
    make_bucket(endpoint, "bench-start")
    environment = _environment(endpoint)
    brigade, python = str(_ROOT / ".venv/bin/brigade"), str(_ROOT / ".venv/bin/python")
    subprocess.run([brigade, "--quiet", "pipe", "to", "s3://bench-start/k"], input=b"x", env=environment, check=True)

    def first_byte(*command: str) -> float:
        begun = time.monotonic()
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as running:
            if running.stdout:
                running.stdout.read(1)
            return time.monotonic() - begun

    ours = [
        (first_byte(brigade, "pipe", "from", "s3://bench-start/k"), first_byte(python, "-c", "pass")) for _ in range(21)
    ]
    return statistics.median(one - other for one, other in ours) * 1000


@contextmanager
def _server() -> Iterator[str]:
    os.environ.update(KEYS)
    with tempfile.TemporaryDirectory(dir=_DATA) as home:
        server = Weed(Path(home), more="-s3.allowDeleteBucketNotEmpty=true -master.volumeSizeLimitMB=1024")
        server.start()
        try:
            yield server.endpoint
        finally:
            server.kill()


def _remove_bucket(endpoint: str, name: str) -> None:
    import boto3

    client = boto3.client("s3", endpoint_url=endpoint)
    client.delete_bucket(Bucket=name)
    client.close()


def _peers() -> None:
    """Make the venv of the peers unless it is what the lock says."""
    lock, stamp = _ROOT / "benchmarks/requirements-pipe.txt", _VENV / "lock"
    if stamp.exists() and stamp.read_text() == lock.read_text():
        return
    shutil.rmtree(_VENV, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", str(_VENV)], check=True)
    pip = [str(_VENV / "bin/python"), "-m", "pip", "install", "-qq", "--disable-pip-version-check", "--no-deps"]
    subprocess.run([*pip, "--require-hashes", "-r", str(lock)], check=True)
    stamp.write_text(lock.read_text())


def _inputs(mib: int) -> dict[str, Path]:
    """Make the two inputs unless they are there."""
    _DATA.mkdir(parents=True, exist_ok=True)
    noise, text = _DATA / f"random-{mib}", _DATA / f"text-{mib}"
    if not noise.exists():
        with noise.open("wb") as file:
            for _ in range(mib):
                file.write(os.urandom(_MIB))
    if not text.exists():
        line = b'{"id": 123456789, "name": "a row of a dump", "values": [1, 2.5, null, true]}\n'
        with text.open("wb") as file:
            for _ in range(mib // 2):
                file.write(bytes(_MIB))
                file.write((line * (_MIB // len(line) + 1))[:_MIB])
    return {"random": noise, "text": text}


def _median(runs: list[dict[str, Any]], way: str, tool: str, what: str) -> float:
    found: list[float] = [run[what] for run in runs if run["case"].startswith(way) and run["tool"] == tool]
    return statistics.median(found)


def _show(runs: list[dict[str, Any]], ratios: dict[str, float]) -> None:
    """Print a row a tool as docs/pipe.md has it: medians over both inputs, the peak of all."""
    print("| | CPU up | CPU down | time up | time down | peak |\n|---|---|---|---|---|---|")
    for tool in _TOOLS:
        found = [run for run in runs if run["tool"] == tool]
        if found:
            cells = [
                f"{_median(runs, way, tool, what):.2f} s" for what in ("cpu_s", "wall_s") for way in ("up", "down")
            ]
            print(f"| {tool} | {' | '.join(cells)} | {max(run['peak_mib'] for run in found):.0f} MiB |")
    for name, value in ratios.items():
        print(f"{name}: {value}")


if __name__ == "__main__":
    main()
