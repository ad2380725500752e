"""The current time as text, and how long the stages of an invocation take."""

import datetime
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import msgspec

T = TypeVar("T")


def now() -> str:
    """Return the current time as ISO 8601 in UTC, to the millisecond. As text, such instants sort by time."""
    return after_seconds(0)


def after_seconds(seconds: float) -> str:
    """Return the time in `seconds` seconds as ISO 8601 in UTC, to the millisecond. Negative seconds mean the past."""
    instant = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=seconds)
    return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class StageTime(msgspec.Struct):
    """The seconds spent in a stage, and when it first began and last ended (Unix time)."""

    began: float
    ended: float
    seconds: float = 0.0


class Timing:
    """The times of the stages of one invocation, by name."""

    def __init__(self) -> None:
        self.stages: dict[str, StageTime] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time of the block to a stage, also if it raises."""
        began, clock = time.time(), time.monotonic()
        try:
            yield
        finally:
            stage = self.stages.setdefault(name, StageTime(began, began))
            stage.seconds += time.monotonic() - clock
            stage.ended = time.time()

    def time_items(self, name: str, items: Iterable[T]) -> Iterator[T]:
        """Yield the items, and add the time to produce them to a stage. It holds no item."""
        iterator = iter(items)
        while True:
            with self.stage(name):
                try:
                    item = next(iterator)
                except StopIteration:
                    return
            yield item
            del item  # the next item is produced while nothing holds this one
