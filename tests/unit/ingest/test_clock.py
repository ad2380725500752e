"""The seconds of stages add up, whatever is between them and however they end, and nothing is kept of what passes."""

import time
import weakref
from collections.abc import Iterator

import pytest

from brigade.ingest.clock import Timing


class Item:
    """Something whose end can be seen."""


def test_a_stage_is_its_own_time_and_not_what_is_between() -> None:
    timing, before, between = Timing(), time.time(), 0.0
    begun = time.monotonic()
    for _ in range(2):
        with timing.stage("one"):
            time.sleep(0.02)
        left = time.monotonic()
        time.sleep(0.05)
        between += time.monotonic() - left
    stage = timing.stages["one"]
    assert 0.04 <= stage.seconds <= time.monotonic() - begun - between
    assert before <= stage.began < stage.ended - 0.08
    assert stage.ended <= time.time()


def test_a_stage_that_fails_is_counted_too() -> None:
    timing = Timing()
    with pytest.raises(ValueError, match="no"), timing.stage("one"):
        raise ValueError("no")
    assert timing.stages["one"].seconds > 0


def test_items_are_timed_as_they_come_and_are_not_held_while_the_next_is_made() -> None:
    earlier: list[weakref.ref[Item]] = []

    def items() -> Iterator[Item]:
        for _ in range(3):
            assert not any(each() for each in earlier), "an item is held while the next is made"
            time.sleep(0.01)
            item = Item()
            earlier.append(weakref.ref(item))
            yield item
            del item

    timing, between = Timing(), 0.0
    begun = time.monotonic()
    for item in timing.time_items("fetch", items()):
        left = time.monotonic()
        time.sleep(0.05)
        del item
        between += time.monotonic() - left
    assert len(earlier) == 3
    assert 0.03 <= timing.stages["fetch"].seconds <= time.monotonic() - begun - between
