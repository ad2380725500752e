"""How long each stage of an invocation takes, for metrics and traces."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import msgspec

T = TypeVar("T")


class StageTime(msgspec.Struct):
    """``seconds`` spent in a stage, between its first beginning and its last end (Unix time); both include others."""

    began: float
    ended: float
    seconds: float = 0.0


class Timing:
    """The stages of one invocation, by name. It keeps a few numbers each, however often a stage is entered."""

    def __init__(self) -> None:
        self.stages: dict[str, StageTime] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count what is done inside to a stage, also when it fails."""
        began, clock = time.time(), time.monotonic()
        try:
            yield
        finally:
            stage = self.stages.setdefault(name, StageTime(began, began))
            stage.seconds += time.monotonic() - clock
            stage.ended = time.time()

    def each(self, name: str, items: Iterable[T]) -> Iterator[T]:
        """Give the items, and count to a stage how long they take to come. It keeps none of them."""
        iterator = iter(items)
        while True:
            with self.stage(name):
                try:
                    item = next(iterator)
                except StopIteration:
                    return
            yield item
            del item  # the next is asked for when nobody holds this one
