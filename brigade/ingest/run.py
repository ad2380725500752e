"""Ingest one date of one source: from its pages to one published object, whole, once, whatever happens between."""

import contextlib
import datetime
import time
from collections.abc import Callable
from typing import NoReturn

from msgspec import Struct, field
from msgspec.structs import replace

from brigade.errors import BrigadeError, ConditionLost, InvalidData, NotFound, RetryLater, UsageError
from brigade.ingest import turn
from brigade.ingest.assembly import Assembly
from brigade.ingest.checkpoint import Checkpoint, Receipt
from brigade.ingest.feed import Feed
from brigade.ingest.instants import in_seconds, now
from brigade.ingest.objects import publish_next
from brigade.ingest.outcome import Kind, Outcome, outcome
from brigade.ingest.publish import Publishes, clear, discard, earlier, publish, set_aside
from brigade.ingest.replacing import broken_off, refuse_replays, replaced, replacing
from brigade.ingest.target import Target
from brigade.ingest.timing import Timing
from brigade.ingest.walk import Reads, walk
from brigade.s3 import Absent, Matches
from brigade.s3.conditions import new_token
from brigade.s3.multipart import SMALLEST_PART
from brigade.s3.objects import head
from brigade.state import Entry, State
from brigade.state.lease import acquire, release, this_process

_RESERVE_S = 5.0
_LONGEST_WAIT_S = 12 * 3600.0
_LONGEST_LEASE_S = 3600.0
_LEASE_MARGIN_S = 30.0


class Run(Struct, frozen=True):
    """One invocation. ``remaining`` gives the seconds it may still take; ``say`` hears what a person should know.

    Memory: two parts of ``part_bytes`` (5 MiB or more), a page (64 MiB at most) twice, and some 30 MiB; and what
    ``Overlap`` remembers of a source that leaves out what was published, 20 MiB at most.
    """

    source: Feed
    target: Target
    api: Reads
    s3: Publishes
    remaining: Callable[[], float]
    say: Callable[[str], None]
    part_bytes: int = SMALLEST_PART
    holder: str | None = None
    """Who holds the lease: what never runs twice at once, such as an execution. None: this process, now."""
    timing: Timing = field(default_factory=Timing)
    """Counts the seconds of ``fetch``, ``write`` (waits for parts included) and ``publish``."""
    replace: bool = False
    """Whether what is there shall be replaced: the object, or objects, that the run finds at its start, no others."""

    def __call__(self) -> Outcome:
        """Publish the date's object, or objects, unless published, or go as far towards it as the time allows.

        Each appears whole and once: the write that publishes it is conditional on its absence, or on the ETag of the
        object that it replaces. A run that was killed goes on from its last durable part; so does one whose API failed
        for a while.

        Fails with InvalidData when a guard of ``walk`` or a record does not hold: nothing is published, the checkpoint
        is dropped. With ConditionLost when another run of the date is under way, or has changed what this one replaces;
        with RetryLater when the API or S3 does not answer now, BrigadeError on anything else that they refuse: nothing
        is published, the checkpoint stays.
        """
        if self.replace and self.source.partitions > 1:
            raise UsageError(f"{self.target.source} is read in partitions, which are not replaced; delete them first")
        if done := self._already():
            return done
        try:
            try:
                return self._held()
            except _Again as error:
                self.say(f"{self.target}: {error}; starting again from the first page")
                return self._held()
        except ConditionLost:
            if not self.replace and (done := self._already()):  # a rival was faster
                return done
            raise

    def _already(self) -> Outcome | None:
        """Answer for what is published, unless it shall be replaced; and finish what a killed run left to be done."""
        state = State(self.s3, self.target.state)
        # Before what is published: a run that replaces that is then known by the ETag in its checkpoint.
        entry = state.get(self.target.checkpoint, Checkpoint)
        if self.source.objects:
            receipt = state.get(self.target.receipt, Receipt)
            if receipt is None or (self.replace and not self._replaced()):
                return None
            if entry and entry.value.replaces != receipt.version and (entry.value.replaces or not entry.value.former):
                discard(self.s3, self.target, entry)  # else a run that replaces is under way, or was broken off
            return outcome("already_published", self.target, receipt.value)
        found = head(self.s3, self.target.lake, self.target.key)
        if found is None or (self.replace and not self._replaced()):
            return None
        return earlier(self.s3, self.source, self.target, found, entry)

    def _replaced(self) -> bool:
        return replaced(self.s3, self.source, self.target, self.holder)

    def _held(self) -> Outcome:
        """Take the lease, go on, and release it, whatever comes of it."""
        state = State(self.s3, self.target.state)
        entry = self._take(state)
        if (wake := entry.value.wake) and wake > now() and not self._sleep_until(wake):
            self._release(state, entry)
            return outcome("wait", self.target, entry.value)
        if entry.value.pages:
            self.say(
                f"{self.target}: going on after page {entry.value.pages}, {entry.value.records} records "
                f"(epoch {entry.value.lease.epoch})"
            )
        assembly = Assembly(self.s3, state, self.target, entry, self.source, part_bytes=self.part_bytes)
        try:
            with assembly:
                if self.source.incremental and not entry.value.done:
                    turn.take(self.s3, self.target, entry.value.lease.holder or "")
                kind = "published" if entry.value.done else self._gather(assembly, entry.value)
            if kind == "published":
                with self.timing.stage("publish"):
                    if (kind := self._publish(assembly)) == "published":
                        return publish(self.s3, self.source, self.target, assembly.entry, assembly.digests)
        except (InvalidData, ConditionLost) as error:
            if isinstance(error, ConditionLost) and assembly.entry.value.former and assembly.entry.value.published:
                raise broken_off(self.s3, self.target, assembly.entry, error) from error
            # Nobody shall go on to replace what is no longer there; a checkpoint that is a rival's stays.
            if isinstance(error, InvalidData) or assembly.entry.value.replaces:
                discard(self.s3, self.target, assembly.entry)
            else:
                self._release(state, assembly.entry)
            raise
        except (NotFound, _CursorExpired) as error:
            self._begin_again(assembly.entry, error)
        except BaseException:  # an interrupt too
            self._release(state, assembly.entry)
            raise
        self._release(state, assembly.entry)
        return outcome(kind, self.target, assembly.entry.value)

    def _gather(self, assembly: Assembly, begun: Checkpoint) -> Kind:
        """Go from page to page while there is time; give what this comes to."""
        slowest, since, api = 0.0, time.monotonic(), self.api
        try:
            for step in self.timing.each("fetch", walk(self.source, api, begun)):
                with self.timing.stage("write"):
                    assembly.add(
                        step, requests=api.requests, retries=api.retries, waited_s=api.waited_s, bytes_in=api.bytes_in
                    )
                done = step.done
                del step
                now = time.monotonic()
                slowest, since = max(slowest, now - since), now
                if not done and self.remaining() < _RESERVE_S + 2 * (slowest + assembly.slowest_part):
                    self._may_stop()
                    break
        except RetryLater as error:
            if self.source.single:
                raise
            if error.after_s is None or error.after_s > _LONGEST_WAIT_S:
                assembly.rest()  # what came is not asked for again by the run that tries later
                raise
            self.say(f"{self.target}: {error}")
            assembly.rest(wake=in_seconds(error.after_s))
            return "wait"
        except BrigadeError as error:
            fresh = assembly.entry.value.pages == begun.pages
            if type(error) is BrigadeError and begun.next and fresh and self.source.expired_cursor == "restart":
                raise _CursorExpired(f"the cursor of page {begun.pages + 1} is refused: {error}") from error
            raise
        return "published" if assembly.rest().value.done else "more"

    def _publish(self, assembly: Assembly) -> Kind:
        """Publish what comes before the receipt: the quarantine, and of several objects all, while there is time."""
        set_aside(self.s3, self.target, assembly.entry)
        slowest = 0.0
        while self.source.objects:
            began = time.monotonic()
            entry = publish_next(self.s3, self.source, self.target, assembly.entry)
            if entry is None:
                break
            assembly.entry = entry
            slowest = max(slowest, time.monotonic() - began)
            if self.remaining() < _RESERVE_S + 2 * slowest:
                return "more"
        return "published"

    def _may_stop(self) -> None:
        if self.source.single:
            raise BrigadeError(
                f"{self.api.address(None)}: the one answer takes longer than one run has; raise timeout_s, or let the "
                "API page"
            )

    def _take(self, state: State) -> Entry[Checkpoint]:
        """Acquire the lease of the date: whoever read the checkpoint before cannot write it any more.

        The conditional write that stores the lease is the first effect. What the checkpoint before it named, and this
        run does not go on with, is cleared after it.
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
            begun = replacing(self.s3, self.source, self.target, entry, begun)
        condition = Matches(entry.version) if entry else Absent()
        try:
            stored = state.put(self.target.checkpoint, replace(begun, lease=lease), condition)
        except ConditionLost:
            # Another took it since it was read: say who.
            if rival := state.get(self.target.checkpoint, Checkpoint):
                acquire(rival.value.lease, holder, seconds, age=rival.age, what=what)
            raise
        try:
            if entry and entry.value.write != stored.value.write:
                clear(self.s3, self.target, entry.value)
            if self.replace:
                refuse_replays(self.s3, self.source, self.target)
        except BaseException:
            self._release(state, stored)
            raise
        return stored

    def _release(self, state: State, entry: Entry[Checkpoint]) -> None:
        """Let the next run go on at once; a checkpoint of nothing is dropped. What fails here runs out by itself."""
        with contextlib.suppress(BrigadeError):
            if entry.value.pages or entry.value.wake:
                left = replace(entry.value, lease=release(entry.value.lease))
                state.put(self.target.checkpoint, left, Matches(entry.version))
            else:
                state.delete(self.target.checkpoint, entry.version)

    def _sleep_until(self, wake: str) -> bool:
        """Wait here if the run can afford it."""
        seconds = (datetime.datetime.fromisoformat(wake) - datetime.datetime.now(datetime.UTC)).total_seconds()
        if seconds > self.remaining() - _RESERVE_S:
            return False
        time.sleep(max(0.0, seconds))
        return True

    def _begin_again(self, entry: Entry[Checkpoint], error: BrigadeError) -> NoReturn:
        """Drop the checkpoint, since what it names is gone, and have the run begin again, if there was anything."""
        if not discard(self.s3, self.target, entry):
            raise ConditionLost(f"{self.target} was taken over by another run: {error}") from error
        if entry.value.upload or entry.value.stages or isinstance(error, _CursorExpired):
            raise _Again(str(error)) from error
        raise error


class _Again(BrigadeError):
    """What the checkpoint named is gone; the next run of the date begins at the first page."""


class _CursorExpired(BrigadeError):
    """The API does not take the cursor that a resumed run goes on from, and the source says to start again."""
