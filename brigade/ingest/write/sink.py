"""The sink of a date: it writes the records into one object, or partitioned into several."""

from collections.abc import Collection
from typing import Any, Protocol

from brigade.ingest.declare.source import BaseSource
from brigade.ingest.declare.target import Target
from brigade.ingest.state.checkpoint import Checkpoint
from brigade.ingest.state.run_result import RunResult
from brigade.ingest.write.digests import Digests
from brigade.ingest.write.partitioned import PartitionedSink
from brigade.ingest.write.single_object import SingleObjectSink
from brigade.s3.client_type import S3Client
from brigade.state import Entry


class LineBuffer(Protocol):
    """Compresses lines into chunks, and stores each chunk durably."""

    def add(self, lines: bytes, place: str) -> None:
        """Compress the lines of a page. `place` names the page in errors."""

    @property
    def full(self) -> bool:
        """True if the buffer holds a whole chunk."""

    def take_chunk(self, *, last: bool = False) -> Any:
        """End the compressed members, and return the chunk. `last`: nothing follows it."""

    def store(self, chunk: Any, durable: Checkpoint, /, *, last: bool = False) -> dict[str, Any]:
        """Store the chunk after those of `durable`, and return the fields of the checkpoint that name it."""

    def commit(self) -> None:
        """Keep the stored objects: a durable checkpoint names them now."""

    def abort(self) -> None:
        """Delete what no checkpoint names."""

    @property
    def digests(self) -> Digests | None:
        """The digests of everything stored; None if an earlier process stored some of it, or for several objects."""


class Sink(Protocol):
    """Writes, publishes and replaces the records of one date of one source."""

    @property
    def date_field(self) -> str | None:
        """The field of a record with the date that it belongs to; None: the date of the run."""

    def open_buffer(self, begun: Checkpoint, part_bytes: int) -> LineBuffer:
        """Return the buffer that continues after a checkpoint."""

    def already_published(
        self, entry: Entry[Checkpoint] | None, holder: str | None, *, replace: bool
    ) -> RunResult | None:
        """Return the result of a published date, after finishing what a killed run left; None: there is work to do.

        Args:
            entry: The stored checkpoint, read before this call.
            holder: The run that asks.
            replace: Whether the run replaces what is published. Then only its own publication counts.
        """

    def find_published(self, former: Collection[str]) -> tuple[str | None, tuple[str, ...]]:
        """Return the version of what is published, and which keys to replace with it.

        Args:
            former: Keys that an unfinished replacement knew.
        """

    def find_replay(self) -> str | None:
        """Return the key of an object with replayed records of the date."""

    def publish_next(self, entry: Entry[Checkpoint]) -> Entry[Checkpoint] | None:
        """Publish the next of several objects, and return the stored checkpoint; None: only `publish` is left."""

    def publish(self, entry: Entry[Checkpoint], digests: Digests | None) -> RunResult:
        """Publish the date, write its receipt and delete the checkpoint. Any process may repeat it after a crash.

        Args:
            digests: The digests of the object, if this process saw all of its bytes.

        Raises:
            ConditionLost: Another run published the date.
            NotFound: S3 has aborted the upload.
        """


def open_sink(s3: S3Client, source: BaseSource, target: Target) -> Sink:
    """Return the sink that the source declares. Nothing is contacted."""
    if source.objects:
        return PartitionedSink(s3, source, target, source.objects)
    return SingleObjectSink(s3, source, target)
