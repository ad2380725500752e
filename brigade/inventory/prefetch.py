"""Work done ahead of whoever takes it: an iterator run by a thread, several taken in turn."""

import os
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from contextlib import closing
from queue import SimpleQueue
from typing import TypeVar

T = TypeVar("T")


class _Ended:
    """The last thing that a thread gives: that it has ended, and of what."""

    def __init__(self, failure: BaseException | None) -> None:
        self.failure = failure


def ahead(
    make: Callable[[], Generator[T, None, None]], depth: int = 1, meanwhile: Callable[[T], T] | None = None
) -> Generator[T, None, None]:
    """Give what ``make()`` gives, in its order, made by a thread: ``depth`` items ahead and one more in its hands.

    Nothing starts before the first item is asked for. What ``make`` raises is raised here, after the items before it.
    Closed, it waits until the thread has finished the item that it is at, so that nothing runs on behind it.

    Arguments: ``meanwhile``, what the thread makes of an item where it would wait else, so that who takes the items has
    less to do; an item stays in its place, and what ``meanwhile`` raises is raised there.
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

    thread = threading.Thread(target=work, name="inventory-ahead", daemon=True)
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


def in_turn(lanes: Iterable[Generator[T, None, None]], width: int) -> Generator[T, None, None]:
    """Give an item of each of ``width`` lanes in turn; where one ends, the next of ``lanes`` takes its place.

    The order depends on the lanes alone, not on which of them is quick. A lane is begun when its first turn has come:
    who takes only the first item begins only the first lane.
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


def cores() -> int:
    """Say how many cores this process may run on."""
    allowed = getattr(os, "sched_getaffinity", None)  # of Linux alone
    return len(allowed(0)) if allowed else os.cpu_count() or 1
