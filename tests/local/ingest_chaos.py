"""SIGKILL of an ingest at seeded random moments, across fetch, write, part, checkpoint and publication.

``python -m tests.local.ingest_chaos --kills N [--seed S]``: runs of date after date are killed until N kills are done;
each date ends with a run that nobody kills. Then its object must have exactly the lines of a run that was never killed,
once, with no upload left open, no checkpoint and so no lease.
"""

import argparse
import contextlib
import gzip
import multiprocessing
import os
import random
import sys
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.ingest import aws
from brigade.ingest.checkpoint import Receipt
from brigade.ingest.target import Target
from brigade.jsonl import Stamp, split
from brigade.state import State
from tests.local.ingest_process import Memory
from tests.local.ingest_process import main as main_of_process

PAGES, SIZE = 9, 3 * 1024 * 1024


def ingest(environment: dict[str, str], *arguments: str) -> None:
    """Run one ingest in this process, and be quiet."""
    os.environ.update(environment)
    sys.argv[1:] = arguments
    with (
        Path(os.devnull).open("w") as nothing,
        contextlib.redirect_stdout(nothing),
        contextlib.redirect_stderr(nothing),
    ):
        main_of_process()


@dataclass
class Chaos:
    """One place in which dates are ingested and killed; the parts that killed runs left are counted in ``kills``."""

    s3: Any
    environment: dict[str, str]
    endpoint: str
    lake: str
    state: str
    chance: random.Random
    processes: Any
    kills: int = 0
    longest: float = 0.0

    def date(self, most: int) -> None:
        """Ingest the date, killed ``most`` times at most, and check what there is."""
        target = Target("numbers", "2026-11-22", self.lake, self.state)
        goal = self.kills + most
        while self.kills < goal:
            if not self._killed(self.chance.uniform(0, self.longest)):
                break
        last = self._start()
        last.join()
        assert last.exitcode == 0
        self._check(target)

    def measure(self) -> None:
        """Learn how long a run takes that nobody kills."""
        for _ in range(2):  # the first also starts the server that the others are forked from
            began, process = time.monotonic(), self._start()
            process.join()
            self.longest = time.monotonic() - began
        self._check(Target("numbers", "2026-11-22", self.lake, self.state))

    def _killed(self, after: float) -> bool:
        """Run and kill; say whether the kill came before the end."""
        process = self._start()
        process.join(after)
        process.kill()
        process.join()
        self.kills += process.exitcode == -9
        return bool(process.exitcode == -9)

    def _start(self) -> Any:
        process = self.processes.Process(
            target=ingest, args=(self.environment, self.endpoint, self.lake, self.state, f"{PAGES}x{SIZE}")
        )
        process.start()
        return process

    def _check(self, target: Target) -> None:
        state = State(self.s3, self.state)
        entry = state.get(target.receipt, Receipt)
        assert entry, "there is no receipt"
        assert [*state.list()] == [target.receipt], "a checkpoint, and with it a lease, is left"
        assert not self.s3.list_multipart_uploads(Bucket=self.lake).get("Uploads"), "an upload is left open"
        versions = self.s3.list_object_versions(Bucket=self.lake)["Versions"]
        assert [each["Key"] for each in versions] == [target.key], "there is a second object, or a second version"
        body = self.s3.get_object(Bucket=self.lake, Key=target.key)["Body"].read()
        lines = gzip.decompress(body)
        assert lines.count(b"\n") == entry.value.records
        assert lines.replace(entry.value.ingest_ts.encode(), b"") == self._expected(target), "the lines are others"
        self.s3.delete_object(Bucket=self.lake, Key=target.key, VersionId=versions[0]["VersionId"])
        self.s3.delete_object(Bucket=self.state, Key=target.receipt)

    def _expected(self, target: Target) -> bytes:
        api, lines = Memory(PAGES, SIZE), bytearray()
        for number in range(PAGES):
            page = split(api.page(str(number)).body, records="rows", place="page")
            for block in Stamp(target.date, "").lines(page):
                lines += block
        return bytes(lines)


def chaos(s3: Any, environment: dict[str, str], endpoint: str, seed: int) -> Chaos:
    """Make a place of its own."""
    made = Chaos(
        s3,
        os.environ | environment,
        endpoint,
        f"lake-{uuid.uuid4().hex[:8]}",
        f"state-{uuid.uuid4().hex[:8]}",
        random.Random(seed),
        multiprocessing.get_context("forkserver"),
    )
    made.processes.set_forkserver_preload(["tests.local.ingest_process", "boto3.session"])
    for bucket in (made.lake, made.state):
        s3.create_bucket(Bucket=bucket)
    s3.put_bucket_versioning(Bucket=made.lake, VersioningConfiguration={"Status": "Enabled"})
    made.measure()
    return made


def main() -> None:
    """Kill as often as asked, and tell."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with aws() as (environment, endpoint, _):
        from brigade.aws import Connection

        os.environ.update(environment)
        made = chaos(
            Connection(endpoint_url=endpoint, region="us-east-1").client("s3"), environment, endpoint, given.seed
        )
        dates = 0
        while made.kills < given.kills:
            made.date(min(8, given.kills - made.kills))
            dates += 1
            print(f"{made.kills} kills, {dates} dates, each whole, once, with nothing left", flush=True)


if __name__ == "__main__":
    main()
