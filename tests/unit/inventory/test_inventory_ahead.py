"""Work done ahead keeps its order, its bounds and its failures, whoever does what is left of it."""

import threading
from collections.abc import Generator
from queue import SimpleQueue

import pytest

from brigade.inventory.ahead import ahead


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

    items = ahead(lambda: numbers(made, 8), 2, meanwhile)
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
    assert list(ahead(lambda: numbers([], 1000), depth)) == list(range(1000))


def test_what_fails_meanwhile_fails_where_it_would_be_given() -> None:
    def meanwhile(number: int) -> int:
        raise LookupError(number)

    items = ahead(lambda: numbers([], 8), 2, meanwhile)
    given = [next(items)]
    with pytest.raises(LookupError) as failed:
        given.extend(items)
    assert failed.value.args == (len(given),)
    assert given == list(range(len(given)))


def test_closed_it_leaves_no_thread() -> None:
    before = threading.active_count()
    made: list[int] = []
    items = ahead(lambda: numbers(made, 1000))
    next(items)
    items.close()
    assert threading.active_count() == before
    assert len(made) <= 3
