"""Dates that are ingested by processes that are killed, and what came of it."""

import collections
import multiprocessing
import os
import random
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

from brigade.aws import Connection
from brigade.ingest.declare.source import Objects
from brigade.ingest.declare.target import Target
from brigade.ingest.run import Run
from brigade.s3.listing import list_keys
from tests.local.ingest_chaos.left import Left, left
from tests.local.ingest_chaos.moments import MOMENTS, Moments, Watched
from tests.local.ingest_process import Memory
from tests.unit.ingest.api import source

PAGES, SIZE = 9, 3 * 1024 * 1024
FORMER_PAGES, FORMER_SIZE = 10, 64 * 1024
WAYS: dict[str, Objects | None] = {
    "one object": None,
    "by date": Objects(date_field="day"),
    "by bytes": Objects(bytes=9 * 1024 * 1024),
    "replaced": None,
    "by date, replaced": Objects(date_field="day"),
}
"""How dates are ingested, in turn: the second has nine small objects, the third one in parts and a small one.

What is replaced was published by a run before, of one page more: the last of its objects has to be emptied.
"""


def ingest(
    environment: dict[str, str], endpoint: str, target: Target, way: str, moments: Any, *, former: bool = False
) -> None:
    """Run one ingest in this process, which tells where it is; ``former``: the one whose objects are replaced."""
    os.environ.update(environment)
    at = Moments(moments)
    s3 = Connection(endpoint_url=endpoint, region="us-east-1").client("s3")
    api = Memory(FORMER_PAGES, FORMER_SIZE) if former else Memory(PAGES, SIZE)
    Run(
        source=source(objects=WAYS[way]),
        target=target,
        api=Watched(api, at, target),
        s3=Watched(s3, at, target),
        remaining=lambda: 900.0,
        say=lambda _: None,
        part_bytes=5 * 1024 * 1024,
        holder="former" if former else "execution",
        replace=way.endswith("replaced") and not former,
    )()


@dataclass
class Chaos:
    """One place in which dates are ingested and killed, and what came of it."""

    s3: Any
    environment: dict[str, str]
    endpoint: str
    target: Target
    chance: random.Random
    processes: Any
    kills: collections.Counter[str] = field(default_factory=collections.Counter)
    """By the moment that the process was in."""
    runs: dict[str, list[int]] = field(default_factory=dict)
    """How many runs each date took, by its way."""
    failed: int = 0
    found: Left = field(default_factory=Left)
    longest: dict[str, float] = field(default_factory=dict)
    api: Memory = field(default_factory=lambda: Memory(PAGES, SIZE))

    def date(self, way: str, most: int) -> None:
        """Ingest the date, killed ``most`` times at most, and see what there is."""
        before = self._publish_former(way)
        killed = 0
        while killed < most and self._killed(way, self.chance.uniform(0, self.longest[way])):
            killed += 1
        self._finish(way)
        self.runs.setdefault(way, []).append(killed + 1)
        self.found += left(self.s3, self.target, self.api, former=before)

    def measure(self) -> None:
        """Learn how long a run of each way takes that nobody kills."""
        for way in [next(iter(WAYS)), *WAYS]:  # the first also starts the server that the others are forked from
            before = self._publish_former(way)
            began = time.monotonic()
            self._finish(way)
            self.longest[way] = time.monotonic() - began
            self.found += left(self.s3, self.target, self.api, former=before)

    @property
    def good(self) -> bool:
        """Return whether every date is complete, without duplicates and without leftovers."""
        return not self.failed and self.found == Left()

    def table(self) -> str:
        """Return a table of the actions and their results, one line each."""
        kills = [(f"kills in {name}", self.kills[name]) for name in MOMENTS]
        runs = [
            (f"{way}: dates, runs a date (mean, most)", f"{len(runs)}, {sum(runs) / len(runs):.1f}, {max(runs)}")
            for way, runs in self.runs.items()
        ]
        ends = [
            ("lines lost", self.found.lost),
            ("lines doubled", self.found.doubled),
            ("objects or versions too many or few", self.found.objects),
            ("uploads left", self.found.uploads),
            ("leases held", self.found.leases),
            ("other state left", self.found.state),
            ("runs that failed by themselves", self.failed),
        ]
        rows: list[tuple[str, object]] = [*kills, ("kills", self.kills.total()), *runs, *ends]
        return "\n".join(f"{name:48}{value!s:>16}" for name, value in rows)

    def _killed(self, way: str, after: float) -> bool:
        """Run and kill; say whether the kill came before the end."""
        process, moments = self._start(way)
        process.join(after)
        process.kill()
        process.join()
        if process.exitcode == -9:
            self.kills[Moments(moments).now] += 1
            return True
        self.failed += process.exitcode != 0
        return False

    def _finish(self, way: str, *, former: bool = False) -> None:
        process, _ = self._start(way, former=former)
        process.join()
        self.failed += process.exitcode != 0

    def _start(self, way: str, *, former: bool = False) -> tuple[Any, Any]:
        moments = self.processes.RawArray("b", 2)
        given = (self.environment, self.endpoint, self.target, way, moments)
        process = self.processes.Process(target=ingest, args=given, kwargs={"former": former})
        process.start()
        return process, moments

    def _publish_former(self, way: str) -> list[str]:
        """Publish what the date is to replace, and give the keys of it; none, if it replaces nothing."""
        if not way.endswith("replaced"):
            return []
        self._finish(way, former=True)
        return [*list_keys(self.s3, self.target.lake, "")]


def chaos(s3: Any, environment: dict[str, str], endpoint: str, seed: int) -> Chaos:
    """Make a place of its own."""
    name = uuid.uuid4().hex[:8]
    made = Chaos(
        s3,
        os.environ | environment,
        endpoint,
        Target("numbers", "2026-11-22", f"lake-{name}", f"state-{name}"),
        random.Random(seed),
        multiprocessing.get_context("forkserver"),
    )
    made.processes.set_forkserver_preload([__name__, "boto3.session"])
    for bucket in (made.target.lake, made.target.state):
        s3.create_bucket(Bucket=bucket)
    s3.put_bucket_versioning(Bucket=made.target.lake, VersioningConfiguration={"Status": "Enabled"})
    made.measure()
    return made
