"""The same pages and the same lines as a run's, for somewhere else than the lake: to look at them before it counts."""

import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from brigade.codec import MemberCompressor
from brigade.errors import ConditionLost
from brigade.ingest.checkpoint import Checkpoint
from brigade.ingest.feed import Feed
from brigade.ingest.pour import Pour
from brigade.ingest.profile import Profile
from brigade.ingest.walk import Reads, walk
from brigade.jsonl import Stamp
from brigade.s3 import Absent, Location, Writer
from brigade.s3.client_type import S3Client
from brigade.s3.conditions import require_conditions


@dataclass
class Extract:
    """One pass over a source: stamped JSON Lines, counted while they are read. Memory: a page twice.

    ``page_limit`` ends it early, well: with that many pages of what may be more.
    """

    source: Feed
    api: Reads
    stamp: Stamp
    page_limit: int | None = None
    pages: int = field(default=0, init=False)
    records: int = field(default=0, init=False)
    broken: int = field(default=0, init=False)
    profile: Profile = field(default_factory=Profile, init=False)
    more: bool = field(default=False, init=False)
    """Whether there were more pages behind the last."""
    plain_bytes: int = field(default=0, init=False)
    met: tuple[str, ...] = field(default=(), init=False)
    """The declared paths and headers that some page had."""

    def lines(self) -> Iterator[bytes]:
        """Give the lines in blocks of some 128 KiB; fails as ``walk`` does."""
        start = Checkpoint(write="", ts=self.stamp.ts)
        pour = Pour(self.source, self.stamp, profile=self.profile)
        for step in itertools.islice(walk(self.source, self.api, start), self.page_limit):
            self.pages += 1 if step.fetched else 0
            for block in pour.lines(step.page):
                self.plain_bytes += len(block)
                yield block
            self.records, self.broken, self.more = pour.records, pour.broken, not step.done
            self.met = step.met
            if step.done:
                pour.end(step.page.place)


def to_object(lines: Iterator[bytes], client: S3Client, location: Location) -> None:
    """Write the lines as one gzip object, whole or not at all; fails with ConditionLost if it exists."""
    require_conditions(client, location, Absent())
    with Writer(client, location.bucket, location.key, condition=Absent(), content_type="application/gzip") as writer:
        for block in compressed(lines):
            writer.write(block)


def to_file(lines: Iterator[bytes], path: Path) -> None:
    """Write the lines as one file, gzip if its name ends in ``.gz``, whole or not at all.

    Fails with ConditionLost if it exists.
    """
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with fresh.open("xb") as out:
            to_stream(compressed(lines) if path.suffix == ".gz" else lines, out)
        # A link, unlike a rename, does not replace what is there.
        path.hardlink_to(fresh)
    except FileExistsError as error:
        raise ConditionLost(f"{path} exists already; nothing was written") from error
    finally:
        fresh.unlink(missing_ok=True)


def to_stream(blocks: Iterator[bytes], out: BinaryIO) -> None:
    """Write the blocks to an open stream, and flush it."""
    for block in blocks:
        out.write(block)
    out.flush()


def compressed(lines: Iterator[bytes]) -> Iterator[bytes]:
    """Give the lines as one gzip member, also when there are none."""
    gzip = MemberCompressor()
    yield gzip.compress(b"")
    for block in lines:
        yield gzip.compress(block)
    yield gzip.flush()
