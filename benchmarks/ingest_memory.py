"""The incident again: its 83,688 records of 33 KB, a script that joins them in 4 GB, and ours in a function of 256 MB.

``python -m benchmarks.ingest_memory``. Each is a process whose memory is limited as the local AWS limits a function's:
its data to the function's memory and 32 MiB, for what the runtime of AWS does not count.
"""

import os
import resource
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks import ingest_data
from benchmarks.ingest import LAMBDA, ROOT, api, aws
from stacks.parts.malloc_environment import MALLOC_ENVIRONMENT
from stacks.parts.package import Package

_RECORDS = 83_688
_RUNTIME = 32


@dataclass(frozen=True)
class Ended:
    """Exit of a process with limited memory, and its last output: stdout, or stderr if stdout is empty."""

    status: int
    said: str


def limited(mib: int, command: list[str], environment: Mapping[str, str]) -> Ended:
    """Run a command in a process that gets ``mib`` MiB, as a function of that memory would."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_DATA, ((mib + _RUNTIME) << 20,) * 2)

    done = subprocess.run(
        command,
        cwd=ROOT,
        env=environment,
        preexec_fn=limit,
        capture_output=True,
        text=True,
        check=False,
    )
    return Ended(done.returncode, (done.stdout.strip() or done.stderr.strip()).splitlines()[-1])


def joined(mib: int, pages: int, url: str, environment: Mapping[str, str]) -> Ended:
    """Join all pages into one string, as the Lambda of the incident did."""
    script = [sys.executable, "benchmarks/ingest_peers.py", "concatenate", "wide", str(pages)]
    return limited(mib, [*script, url, "http://127.0.0.1:1", "nowhere"], environment)


def ours(mib: int, pages: int, url: str, endpoint: str, bucket: str, environment: Mapping[str, str]) -> Ended:
    """Ingest them by the function's package, in what its environment has."""
    with Package.of_source(ROOT, "local", "demo").assembled() as package:
        known = {"PYTHONPATH": f"{package}{os.pathsep}{ROOT}", **MALLOC_ENVIRONMENT}
        case = [LAMBDA, "-m", "benchmarks.ingest_cases", "end to end", "wide", str(pages)]
        return limited(mib, [*case, url, endpoint, bucket], {**environment, **known})


def main() -> None:
    """Run both, and tell how each ended."""
    pages = -(-_RECORDS // ingest_data.records("wide"))
    print(f"{pages} pages, {pages * len(ingest_data.page('wide')) / 1e9:.2f} GB of JSON", flush=True)
    with aws() as (environment, endpoint, bucket), api("wide", pages) as url:
        print("256 MB, ours:", ours(256, pages, url, endpoint, bucket, environment), flush=True)
        print("4 GB, joined:", joined(4096, pages, url, environment), flush=True)


if __name__ == "__main__":
    main()
