"""Work done ahead keeps its order, its bounds and its failures, whoever does what is left of it."""

import os
import threading
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest

from brigade.errors import InvalidData
from brigade.inventory import open_delivery, read
from brigade.inventory.rows import csv_blocks
from brigade.streams import count_cores, prefetch
from tests.unit.inventory.conftest import NO_S3, SCHEMAS, csv_file, write


def numbers(made: list[int], ends: int) -> Generator[int, None, None]:
    for number in range(ends):
        made.append(number)
        yield number


def test_no_more_is_made_than_the_depth_and_one_that_is_worked_on_meanwhile() -> None:
    made: list[int] = []
    worked: SimpleQueue[int] = SimpleQueue()

    def meanwhile(number: int) -> int:
        worked.put(number)
        return number + 100

    items = prefetch(lambda: numbers(made, 8), 2, meanwhile)
    taken = [next(items)]
    # Two wait and there is no room for the one that is worked on; if the first was taken late, a second one.
    while worked.get(timeout=30) != 3:
        pass
    assert made == [0, 1, 2, 3]
    taken += items
    assert [item % 100 for item in taken] == list(range(8))
    assert taken[3] == 103


@pytest.mark.parametrize("depth", [1, 2, 5])
def test_each_item_comes_once_and_in_order(depth: int) -> None:
    assert list(prefetch(lambda: numbers([], 1000), depth)) == list(range(1000))


def test_nothing_starts_before_it_is_asked_for() -> None:
    made: list[int] = []
    items = prefetch(lambda: numbers(made, 8))
    assert made == []
    assert next(items) == 0
    items.close()


def test_what_fails_is_raised_behind_what_was_there_before_it() -> None:
    def failing() -> Generator[int, None, None]:
        yield from range(5)
        raise LookupError("the sixth")

    given: list[int] = []
    with pytest.raises(LookupError, match="the sixth"):
        given.extend(prefetch(failing))
    assert given == list(range(5))


def test_what_fails_meanwhile_fails_where_it_would_be_given() -> None:
    def meanwhile(number: int) -> int:
        raise LookupError(number)

    items = prefetch(lambda: numbers([], 8), 2, meanwhile)
    given = [next(items)]
    with pytest.raises(LookupError) as failed:
        given.extend(items)
    assert failed.value.args == (len(given),)
    assert given == list(range(len(given)))


def test_closed_it_leaves_no_thread() -> None:
    before = threading.active_count()
    made: list[int] = []
    items = prefetch(lambda: numbers(made, 1000))
    next(items)
    items.close()
    assert threading.active_count() == before
    assert len(made) <= 3


@pytest.mark.parametrize("pause", [0.0, 0.05])
def test_a_row_is_counted_alike_whoever_parses_its_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pause: float
) -> None:
    """With a slow consumer, the thread that decompresses also parses."""
    parsing, quick = set[int](), csv_blocks._quoted

    def watched(*arguments: Any) -> Any:
        parsing.add(threading.get_ident())
        return quick(*arguments)

    monkeypatch.setattr("brigade.inventory.rows.scanner.count_cores", lambda: 8)
    monkeypatch.setattr(csv_blocks, "_quoted", watched)
    written: list[tuple[str, ...]] = [
        ("b", f"{number:0900d}", "", "true", "1", "2024-04-22T01:11:06.000Z", "e") for number in range(24_000)
    ]
    written[22_999] = written[22_999][:-1]
    delivery = open_delivery(NO_S3, str(write(tmp_path, "CSV", SCHEMAS["CSV"], [csv_file(written)])))

    def slowly() -> Iterator[str]:
        for batch in read(delivery):
            yield from batch["key"].to_pylist()
            time.sleep(pause)

    taken: list[str] = []
    with pytest.raises(InvalidData, match=r"row 23000: .*Expected 7 columns, got 6"):
        taken.extend(slowly())
    assert taken == [key for _, key, *_ in written[: len(taken)]]
    assert 20_000 < len(taken) < 23_000
    assert len(parsing) == 2 or not pause


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="only Linux holds a process to some of its cores")
def test_a_core_that_the_process_may_not_run_on_is_not_counted() -> None:
    allowed = os.sched_getaffinity(0)
    assert count_cores() == len(allowed)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        assert count_cores() == 1
    finally:
        os.sched_setaffinity(0, allowed)
