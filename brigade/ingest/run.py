"""Ingest one date of one source: from its pages to one published object, whole, once, whatever happens between."""

import datetime
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from brigade.errors import ConditionLost, InvalidData, NotFound, RetryLater
from brigade.ingest.assembly import Assembly
from brigade.ingest.checkpoint import Checkpoint
from brigade.ingest.outcome import Outcome, outcome
from brigade.ingest.publish import Publishes, discard, earlier, publish
from brigade.ingest.source import Source
from brigade.ingest.target import Target
from brigade.ingest.walk import walk
from brigade.s3.head import head
from brigade.s3.settle import new_token
from brigade.state import Entry, State

MIB = 1024 * 1024
_RESERVE_S = 5.0


class Asks(Protocol):
    """What the run needs of an API."""

    def page(self, token: str | None) -> bytes | bytearray:
        """Give the page with this token."""

    def address(self, token: str | None) -> str:
        """Give what errors call the page."""


@dataclass(frozen=True)
class Run:
    """One invocation. ``remaining`` gives the seconds it may still take; ``say`` hears what a person should know.

    Memory: two parts of ``part_bytes`` (5 MiB or more), a page (64 MiB at most) twice, and some 30 MiB.
    """

    source: Source
    target: Target
    api: Asks
    s3: Publishes
    remaining: Callable[[], float]
    say: Callable[[str], None]
    part_bytes: int = 8 * MIB

    def __call__(self) -> Outcome:
        """Publish the date's object unless it is published, or go as far towards it as the time allows.

        The object appears whole and once: the write that publishes it is conditional on its absence. A run that was
        killed goes on from its last durable part; so does one whose API failed for a while.

        Fails with InvalidData when a guard of ``walk`` or a record does not hold: nothing is published, the checkpoint
        is dropped. With ConditionLost when another run of the date is under way, RetryLater when the API or S3 does not
        answer now, BrigadeError on anything else that they refuse: nothing is published, the checkpoint stays.
        """
        if found := head(self.s3, self.target.lake, self.target.key):
            return earlier(self.s3, self.target, found)
        try:
            try:
                return self._go_on()
            except NotFound as error:
                if not self._forget():
                    raise
                self.say(f"{self.target}: {error}; starting again from the first page")
                return self._go_on()
        except ConditionLost:
            if found := head(self.s3, self.target.lake, self.target.key):
                return earlier(self.s3, self.target, found)
            raise

    def _go_on(self) -> Outcome:
        state = State(self.s3, self.target.state)
        entry = state.get(self.target.checkpoint, Checkpoint)
        begun = entry.value if entry else Checkpoint(write=new_token(), ts=now())
        if entry:
            self.say(f"{self.target}: going on after page {begun.pages}, {begun.records} records")
        if entry and begun.done:
            return publish(self.s3, self.target, entry, None)
        version = entry.version if entry else None
        try:
            with Assembly(self.s3, state, self.target, begun, version, part_bytes=self.part_bytes) as assembly:
                reached = self._gather(assembly, begun)
        except InvalidData:
            self._forget()
            raise
        if not reached.value.done:
            return outcome("more", self.target, reached.value)
        return publish(self.s3, self.target, reached, assembly.sha256)

    def _gather(self, assembly: Assembly, begun: Checkpoint) -> Entry[Checkpoint]:
        slowest, since = 0.0, time.monotonic()
        try:
            for page, seen in walk(self.source, self.api.page, self.api.address, begun):
                assembly.add(page, seen)
                del page
                now = time.monotonic()
                slowest, since = max(slowest, now - since), now
                if self.remaining() < _RESERVE_S + 2 * (slowest + assembly.slowest_part):
                    break
        except RetryLater:
            assembly.rest()  # what came is not asked for again by the run that tries later
            raise
        return assembly.rest()

    def _forget(self) -> bool:
        """Drop the checkpoint and its upload; say whether there was one."""
        entry = State(self.s3, self.target.state).get(self.target.checkpoint, Checkpoint)
        if entry:
            discard(self.s3, self.target, entry)
        return entry is not None


def now() -> str:
    """Give this instant as ISO 8601 in UTC, to the millisecond."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
