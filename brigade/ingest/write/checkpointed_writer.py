"""Write pages durably: each stored chunk is named in the checkpoint, while the next page is fetched."""

import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from msgspec.structs import replace

from brigade.errors import BrigadeError
from brigade.ingest.declare.source import BaseSource
from brigade.ingest.declare.target import Target
from brigade.ingest.read.deduplicate import open_deduplicator
from brigade.ingest.read.pages import PageResult
from brigade.ingest.state.checkpoint import Checkpoint
from brigade.ingest.write.digests import Digests
from brigade.ingest.write.lines import LineWriter
from brigade.ingest.write.sink import Sink
from brigade.jsonl import Stamp
from brigade.s3 import Matches
from brigade.state import Entry, State


class CheckpointedWriter:
    """Compresses pages into chunks, stores them, and moves the checkpoint to the last stored page.

    One chunk is sent in the background while the next is filled. Memory: two chunks of `part_bytes` and one page.

    An exception leaves the last durable checkpoint, and no upload that it does not name.

    Attributes:
        slowest_part: Seconds of the slowest chunk.

    Raises:
        ConditionLost: Another run has changed the checkpoint.
        NotFound: S3 has aborted the upload.
    """

    def __init__(
        self,
        sink: Sink,
        state: State,
        target: Target,
        entry: Entry[Checkpoint],
        source: BaseSource,
        *,
        part_bytes: int,
    ) -> None:
        checkpoint = entry.value
        self.slowest_part = 0.0
        self._state, self._target = state, target
        self._began, self._earlier = time.monotonic(), checkpoint.seconds
        self._since = self._began
        self._durable, self._version = checkpoint, entry.version
        self._began_with = checkpoint
        holder = checkpoint.lease.holder or ""
        self._reached = replace(
            checkpoint,
            invocations=checkpoint.invocations + 1,
            runs=checkpoint.runs if holder in checkpoint.runs else (*checkpoint.runs, holder),
            tail=b"",
        )
        self._deduplicator = open_deduplicator(source, state, target, checkpoint)
        self._line_writer = LineWriter(
            source,
            Stamp(target.date, checkpoint.ts),
            profile=checkpoint.profile.copy(),
            records=checkpoint.records,
            broken=checkpoint.broken,
            quarantine=checkpoint.quarantine,
            deduplicator=self._deduplicator,
        )
        self._buffer = sink.open_buffer(checkpoint, part_bytes)
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="brigade-part")
        self._sending: Future[None] | None = None

    def write_page(
        self, step: PageResult, *, requests: int = 0, retries: int = 0, waited_s: float = 0.0, bytes_in: int = 0
    ) -> None:
        """Write a page. This waits only while the chunk before the last is being sent.

        The counts are the totals of this invocation.
        """
        plain, began = 0, self._began_with
        for block in self._line_writer.write_page(step.page):
            plain += len(block)
            self._buffer.add(block, step.page.place)
        reached, since = self._reached, self._since
        self._since = time.monotonic()
        fresh = 1 if step.fetched else 0
        self._reached = replace(
            reached,
            next=step.next,
            first=reached.first or step.next,
            last=reached.next,
            times=reached.times.plus(self._since - since, reached.pages + 1) if fresh else reached.times,
            done=step.done,
            seen=step.seen,
            mark=step.mark,
            total=step.total,
            met=step.met,
            columns=step.columns,
            pages=reached.pages + fresh,
            records=self._line_writer.records,
            broken=self._line_writer.broken,
            quarantine=self._line_writer.quarantine,
            plain_bytes=reached.plain_bytes + plain,
            requests=began.requests + requests,
            retries=began.retries + retries,
            waited_s=began.waited_s + waited_s,
            bytes_in=began.bytes_in + bytes_in,
            wake=None,
        )
        if step.done:
            self._line_writer.check_end(step.page.place)
            if self._deduplicator:
                self._deduplicator.check_end(step.page.place)
        if self._buffer.full:
            chunk: Any = self._buffer.take_chunk()
            self._wait()
            reached = self._reached = self._counted()
            self._sending = self._pool.submit(self._store, chunk, reached)

    def flush(self, *, wake: str | None = None) -> Entry[Checkpoint]:
        """Store everything written, and return the checkpoint. Bytes that are too few for a part are stored in it.

        Args:
            wake: The instant before which the source does not accept requests.
        """
        self._reached = replace(self._counted(), wake=wake)
        done = self._reached.done
        chunk: Any = self._buffer.take_chunk(last=done)
        self._wait()
        if self._reached.pages > self._durable.pages or done != self._durable.done or wake:
            self._store(chunk, self._reached, last=done)
        return self.entry

    @property
    def entry(self) -> Entry[Checkpoint]:
        """The stored checkpoint."""
        return Entry(self._durable, self._version)

    @entry.setter
    def entry(self, stored: Entry[Checkpoint]) -> None:
        """Set the checkpoint that the caller has stored since."""
        self._durable, self._version = stored.value, stored.version

    @property
    def digests(self) -> Digests | None:
        """The digests of the object; None if an earlier process stored part of it, or for several objects."""
        return self._buffer.digests

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(wait=True)
        # The first error must be read; the lifecycle rule of the bucket removes an upload that stays.
        with suppress(BrigadeError):
            self._buffer.abort()

    def _counted(self) -> Checkpoint:
        """Return the reached checkpoint with the profile and the position of its records."""
        reached = replace(self._reached, profile=self._line_writer.profile.copy())
        if not self._deduplicator:
            return reached
        known = self._deduplicator
        return replace(reached, newest=known.newest, left_out=known.left_out, recent=known.recent)

    def _wait(self) -> None:
        sending, self._sending = self._sending, None
        if sending:
            sending.result()

    def _store(self, chunk: Any, reached: Checkpoint, *, last: bool = False) -> None:
        began = time.monotonic()
        self._save(replace(reached, **self._buffer.store(chunk, self._durable, last=last)))
        self._buffer.commit()
        self.slowest_part = max(self.slowest_part, time.monotonic() - began)

    def _save(self, checkpoint: Checkpoint) -> None:
        checkpoint = replace(checkpoint, seconds=round(self._earlier + time.monotonic() - self._began, 3))
        self._version = self._state.put(self._target.checkpoint, checkpoint, Matches(self._version)).version
        self._durable = checkpoint
