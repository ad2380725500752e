"""Read a source and write its lines to a file, a stream or an object outside of the lake, for a test."""

import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from brigade.codec import MemberCompressor
from brigade.errors import ConditionLost
from brigade.ingest.declare.source import BaseSource
from brigade.ingest.read.pages import read_pages
from brigade.ingest.read.reader import PageReader
from brigade.ingest.state.checkpoint import Checkpoint
from brigade.ingest.state.profile import Profile
from brigade.ingest.write.lines import LineWriter
from brigade.jsonl import Stamp
from brigade.s3 import Absent, Location, Writer
from brigade.s3.client_type import S3Client
from brigade.s3.conditions import require_conditions


@dataclass
class Extract:
    """One pass over a source, with counts of the lines read so far. Memory: two pages.

    Attributes:
        source: The declared source.
        api: The reader of the source.
        stamp: The date and the time that each record gets.
        page_limit: The number of pages after which the pass ends without an error.
        pages: The number of pages.
        records: The number of records.
        broken: The number of records that broke the contract.
        profile: Widths and fields of the records.
        more: Whether there are pages after the last one read.
        plain_bytes: Bytes of the lines.
        met: The declared paths and headers that some page had.
    """

    source: BaseSource
    api: PageReader
    stamp: Stamp
    page_limit: int | None = None
    pages: int = field(default=0, init=False)
    records: int = field(default=0, init=False)
    broken: int = field(default=0, init=False)
    profile: Profile = field(default_factory=Profile, init=False)
    more: bool = field(default=False, init=False)
    plain_bytes: int = field(default=0, init=False)
    met: tuple[str, ...] = field(default=(), init=False)

    def lines(self) -> Iterator[bytes]:
        """Yield the lines in blocks of about 128 KiB. Raises as `read_pages` does."""
        start = Checkpoint(write="", ts=self.stamp.ts)
        writer = LineWriter(self.source, self.stamp, profile=self.profile)
        for step in itertools.islice(read_pages(self.source, self.api, start), self.page_limit):
            self.pages += 1 if step.fetched else 0
            for block in writer.write_page(step.page):
                self.plain_bytes += len(block)
                yield block
            self.records, self.broken, self.more = writer.records, writer.broken, not step.done
            self.met = step.met
            if step.done:
                writer.check_end(step.page.place)


def write_object(lines: Iterator[bytes], client: S3Client, location: Location) -> None:
    """Write the lines as one gzip object, whole or not at all. Raise ConditionLost if it exists."""
    require_conditions(client, location, Absent())
    with Writer(client, location.bucket, location.key, condition=Absent(), content_type="application/gzip") as writer:
        for block in compress_lines(lines):
            writer.write(block)


def write_file(lines: Iterator[bytes], path: Path) -> None:
    """Write the lines as one file, whole or not at all; gzip if its name ends in `.gz`.

    Raises:
        ConditionLost: The file exists.
    """
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with fresh.open("xb") as out:
            write_stream(compress_lines(lines) if path.suffix == ".gz" else lines, out)
        # A link, unlike a rename, does not replace an existing file.
        path.hardlink_to(fresh)
    except FileExistsError as error:
        raise ConditionLost(f"{path} exists already; nothing was written") from error
    finally:
        fresh.unlink(missing_ok=True)


def write_stream(blocks: Iterator[bytes], out: BinaryIO) -> None:
    """Write the blocks to an open stream, and flush it."""
    for block in blocks:
        out.write(block)
    out.flush()


def compress_lines(lines: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the lines as one gzip member, even without lines."""
    gzip = MemberCompressor()
    yield gzip.compress(b"")
    for block in lines:
        yield gzip.compress(block)
    yield gzip.flush()
