"""Background prefetch of an iterator, and iteration over several iterators in turn."""

import os
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from contextlib import closing
from queue import SimpleQueue
from typing import TypeVar

T = TypeVar("T")


class _Ended:
    """The last item of a thread: the end, and the error that caused it."""

    def __init__(self, failure: BaseException | None) -> None:
        self.failure = failure


def prefetch(
    make: Callable[[], Generator[T, None, None]], depth: int = 1, meanwhile: Callable[[T], T] | None = None
) -> Generator[T, None, None]:
    """Iterate over `make()` in a background thread, prefetching up to `depth + 1` items.

    The thread starts with the first item. An error of `make` is raised after the items before it. Closing the iterator
    waits until the thread has finished its current item, so nothing continues to run.

    Args:
        meanwhile: Applied by the thread to an item while it would otherwise wait. The order stays, and an error of
            `meanwhile` is raised at the item's place.
    """
    made: SimpleQueue[T | _Ended] = SimpleQueue()
    room, left = threading.Semaphore(depth), threading.Event()

    def work() -> None:
        failure: BaseException | None = None
        try:
            with closing(make()) as items:
                for item in items:
                    waits = not room.acquire(blocking=False)
                    worked = meanwhile(item) if waits and meanwhile else item
                    if waits:
                        room.acquire()
                    if left.is_set():
                        return
                    made.put(worked)
        except BaseException as error:  # noqa: BLE001 - raised again where the items are taken
            failure = error
        finally:
            made.put(_Ended(failure))

    thread = threading.Thread(target=work, name="inventory-prefetch", daemon=True)
    thread.start()
    try:
        while not isinstance(item := made.get(), _Ended):
            room.release()
            yield item
        if item.failure is not None:
            raise item.failure
    finally:
        left.set()
        room.release()
        thread.join()


def round_robin(lanes: Iterable[Generator[T, None, None]], width: int) -> Generator[T, None, None]:
    """Yield one item of each of `width` lanes in turn. The next of `lanes` replaces a lane that has ended.

    The order depends only on the lanes, not on their speed. A lane starts at its first turn: a caller that takes only
    the first item starts only the first lane.
    """
    coming, running = iter(lanes), deque[Generator[T, None, None]]()
    try:
        while True:
            lane = next(coming, None) if len(running) < width else None
            if lane is None:
                if not running:
                    return
                lane = running.popleft()
            for item in lane:
                running.append(lane)
                yield item
                break
    finally:
        for lane in running:
            lane.close()


def count_cores() -> int:
    """Return the number of cores that this process may use."""
    allowed = getattr(os, "sched_getaffinity", None)  # of Linux alone
    return len(allowed(0)) if allowed else os.cpu_count() or 1
