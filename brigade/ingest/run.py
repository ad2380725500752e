"""Ingest one date of one source: read its pages and publish it whole, exactly once."""

import contextlib
import datetime
import time
from collections.abc import Callable
from typing import NoReturn

from msgspec import Struct, field
from msgspec.structs import replace

from brigade.errors import BrigadeError, ConditionLost, InvalidData, NotFound, RetryLater, UsageError
from brigade.ingest.clock import Timing, after_seconds, now
from brigade.ingest.declare.source import BaseSource
from brigade.ingest.declare.target import Target
from brigade.ingest.read.pages import read_pages
from brigade.ingest.read.reader import PageReader
from brigade.ingest.state.checkpoint import Checkpoint
from brigade.ingest.state.run_result import Kind, RunResult, make_result
from brigade.ingest.write.checkpointed_writer import CheckpointedWriter
from brigade.ingest.write.publish import delete_unpublished, discard_checkpoint, write_quarantine
from brigade.ingest.write.replace import partial_replacement_error, prepare_replacement, refuse_replays
from brigade.ingest.write.sink import Sink, open_sink
from brigade.s3 import Absent, Matches
from brigade.s3.client_type import S3Client
from brigade.s3.conditions import new_token
from brigade.s3.multipart import SMALLEST_PART
from brigade.state import Entry, State
from brigade.state.lease import acquire, release, this_process

_RESERVE_S = 5.0
_LONGEST_WAIT_S = 12 * 3600.0
_LONGEST_LEASE_S = 3600.0
_LEASE_MARGIN_S = 30.0


class Run(Struct, frozen=True):
    """One invocation of a run.

    Memory: two parts of `part_bytes`, two pages of at most 64 MiB, and about 30 MiB. A deduplicator adds up to 20 MiB.

    Attributes:
        source: The declared source.
        target: The date to write.
        api: The reader of the source.
        s3: The client of Amazon S3.
        remaining: Returns the seconds that the invocation may still take.
        say: Logs a message.
        part_bytes: Bytes of a part, 5 MiB or more.
        holder: The holder of the lease: something that never runs twice at the same time, such as an execution. None:
            this process.
        timing: Collects the seconds of the stages `fetch`, `write` (with waits for parts) and `publish`.
        replace: Whether to replace the published objects that the run finds at its start, and no others.
    """

    source: BaseSource
    target: Target
    api: PageReader
    s3: S3Client
    remaining: Callable[[], float]
    say: Callable[[str], None]
    part_bytes: int = SMALLEST_PART
    holder: str | None = None
    timing: Timing = field(default_factory=Timing)
    replace: bool = False

    def __call__(self) -> RunResult:
        """Publish the date if it is not published. Stop at the time limit, and keep the checkpoint.

        Each object appears whole and once: its write is conditional on the absence of the key, or on the ETag of the
        object that it replaces. A run that was killed, or whose API failed, continues after its last durable part.

        Raises:
            InvalidData: A check of `read_pages`, or a record, fails. Nothing is published, and the checkpoint is
                deleted.
            ConditionLost: Another run of the date is active, or has changed what this one replaces. Nothing more is
                published.
            RetryLater: The API or S3 does not respond. Nothing is published, and the checkpoint stays.
            BrigadeError: The API or S3 rejects a request. Nothing is published, and the checkpoint stays.
        """
        if self.replace and self.source.partitions > 1:
            raise UsageError(f"{self.target.source} is read in partitions, which are not replaced; delete them first")
        if done := self._find_published():
            return done
        try:
            try:
                return self._run_with_lease()
            except _RestartNeeded as error:
                self.say(f"{self.target}: {error}; starting again from the first page")
                return self._run_with_lease()
        except ConditionLost:
            if not self.replace and (done := self._find_published()):  # a rival was faster
                return done
            raise

    def _find_published(self) -> RunResult | None:
        """Return the result of a published date, unless it is to be replaced; finish what a killed run left."""
        # Read before the published objects: the ETag in the checkpoint then shows a run that replaces them.
        entry = State(self.s3, self.target.state).get(self.target.checkpoint, Checkpoint)
        return self._sink.already_published(entry, self.holder, replace=self.replace)

    @property
    def _sink(self) -> Sink:
        return open_sink(self.s3, self.source, self.target)

    def _run_with_lease(self) -> RunResult:
        """Acquire the lease, continue the run, and release the lease in any case."""
        state = State(self.s3, self.target.state)
        entry = self._acquire_lease(state)
        if (wake := entry.value.wake) and wake > now() and not self._sleep_until(wake):
            self._release_lease(state, entry)
            return make_result("wait", self.target, entry.value)
        if entry.value.pages:
            self.say(
                f"{self.target}: going on after page {entry.value.pages}, {entry.value.records} records "
                f"(epoch {entry.value.lease.epoch})"
            )
        writer = CheckpointedWriter(self._sink, state, self.target, entry, self.source, part_bytes=self.part_bytes)
        try:
            with writer:
                if self.source.incremental and not entry.value.done:
                    from brigade.ingest.active_date import claim_date  # no other source needs it

                    claim_date(self.s3, self.target, entry.value.lease.holder or "")
                kind = "published" if entry.value.done else self._write_pages(writer, entry.value)
            if kind == "published":
                with self.timing.stage("publish"):
                    if (kind := self._publish(writer)) == "published":
                        return self._sink.publish(writer.entry, writer.digests)
        except (InvalidData, ConditionLost) as error:
            if isinstance(error, ConditionLost) and writer.entry.value.former and writer.entry.value.published:
                raise partial_replacement_error(self.s3, self.target, writer.entry, error) from error
            # No later run may continue to replace an object that is gone. A rival's checkpoint stays.
            if isinstance(error, InvalidData) or writer.entry.value.replaces:
                discard_checkpoint(self.s3, self.target, writer.entry)
            else:
                self._release_lease(state, writer.entry)
            raise
        except (NotFound, _CursorExpired) as error:
            self._restart(writer.entry, error)
        except BaseException:  # an interrupt too
            self._release_lease(state, writer.entry)
            raise
        self._release_lease(state, writer.entry)
        return make_result(kind, self.target, writer.entry.value)

    def _write_pages(self, writer: CheckpointedWriter, begun: Checkpoint) -> Kind:
        """Read and write pages while there is time. Return the kind of the result."""
        slowest, since, api = 0.0, time.monotonic(), self.api
        try:
            for step in self.timing.time_items("fetch", read_pages(self.source, api, begun)):
                with self.timing.stage("write"):
                    writer.write_page(
                        step, requests=api.requests, retries=api.retries, waited_s=api.waited_s, bytes_in=api.bytes_in
                    )
                done = step.done
                del step
                reached = time.monotonic()
                slowest, since = max(slowest, reached - since), reached
                if not done and self.remaining() < _RESERVE_S + 2 * (slowest + writer.slowest_part):
                    self._check_may_stop()
                    break
        except RetryLater as error:
            if self.source.single:
                raise
            if error.after_s is None or error.after_s > _LONGEST_WAIT_S:
                writer.flush()  # a later run does not request these pages again
                raise
            self.say(f"{self.target}: {error}")
            writer.flush(wake=after_seconds(error.after_s))
            return "wait"
        except BrigadeError as error:
            fresh = writer.entry.value.pages == begun.pages
            if type(error) is BrigadeError and begun.next and fresh and self.source.expired_cursor == "restart":
                raise _CursorExpired(f"the cursor of page {begun.pages + 1} is refused: {error}") from error
            raise
        return "published" if writer.flush().value.done else "more"

    def _publish(self, writer: CheckpointedWriter) -> Kind:
        """Write the quarantine, and publish each of several objects, while there is time."""
        write_quarantine(self.s3, self.target, writer.entry)
        slowest, began = 0.0, time.monotonic()
        while entry := self._sink.publish_next(writer.entry):
            writer.entry = entry
            slowest = max(slowest, time.monotonic() - began)
            if self.remaining() < _RESERVE_S + 2 * slowest:
                return "more"
            began = time.monotonic()
        return "published"

    def _check_may_stop(self) -> None:
        if self.source.single:
            raise BrigadeError(
                f"{self.api.address(None)}: one answer takes longer than one run may last; raise timeout_s, or let the "
                "API page"
            )

    def _acquire_lease(self, state: State) -> Entry[Checkpoint]:
        """Acquire the lease of the date. A run that read the checkpoint before cannot write it any more.

        The conditional write that stores the lease is the first effect. After it, everything that the former checkpoint
        named and this run does not continue is deleted.
        """
        entry = state.get(self.target.checkpoint, Checkpoint)
        fresh = Checkpoint(write=new_token(), ts=now())
        begun = entry.value if entry else fresh
        seconds = min(self.remaining(), _LONGEST_LEASE_S) + _LEASE_MARGIN_S
        holder, what = self.holder or this_process(), str(self.target)
        lease = acquire(begun.lease, holder, seconds, age=entry.age if entry else 0.0, what=what)
        if self.source.single and not begun.done:
            begun = replace(fresh, former=begun.former)
        if self.replace:
            begun = prepare_replacement(self.s3, self._sink, self.target, entry, begun)
        condition = Matches(entry.version) if entry else Absent()
        try:
            stored = state.put(self.target.checkpoint, replace(begun, lease=lease), condition)
        except ConditionLost:
            # Another run acquired it since: name that run.
            if rival := state.get(self.target.checkpoint, Checkpoint):
                acquire(rival.value.lease, holder, seconds, age=rival.age, what=what)
            raise
        try:
            if entry and entry.value.write != stored.value.write:
                delete_unpublished(self.s3, self.target, entry.value)
            if self.replace:
                refuse_replays(self._sink, self.target)
        except BaseException:
            self._release_lease(state, stored)
            raise
        return stored

    def _release_lease(self, state: State, entry: Entry[Checkpoint]) -> None:
        """Release the lease, so that the next run continues at once. Errors are ignored, because the lease expires."""
        with contextlib.suppress(BrigadeError):
            if entry.value.pages or entry.value.wake:
                left = replace(entry.value, lease=release(entry.value.lease))
                state.put(self.target.checkpoint, left, Matches(entry.version))
            else:
                state.delete(self.target.checkpoint, entry.version)

    def _sleep_until(self, wake: str) -> bool:
        """Sleep until an instant. Return False without sleeping if the run has less time."""
        seconds = (datetime.datetime.fromisoformat(wake) - datetime.datetime.now(datetime.UTC)).total_seconds()
        if seconds > self.remaining() - _RESERVE_S:
            return False
        time.sleep(max(0.0, seconds))
        return True

    def _restart(self, entry: Entry[Checkpoint], error: BrigadeError) -> NoReturn:
        """Delete the checkpoint, because it names something that is gone, and raise _RestartNeeded."""
        if not discard_checkpoint(self.s3, self.target, entry):
            raise ConditionLost(f"{self.target} was taken over by another run: {error}") from error
        if entry.value.upload or entry.value.stages or isinstance(error, _CursorExpired):
            raise _RestartNeeded(str(error)) from error
        raise error


class _RestartNeeded(BrigadeError):
    """The checkpoint is unusable. The run restarts at the first page."""


class _CursorExpired(BrigadeError):
    """The API rejects the cursor of a resumed run, and the source declares `expired_cursor="restart"`."""
