"""Iterators and threads: prefetch, round robin, ranges fetched in parallel and in order, an iterator as a file."""

import io
import os
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Future
    from queue import SimpleQueue

T = TypeVar("T")


class _Ended:
    """The last item of a thread: it has ended, with or without a failure."""

    def __init__(self, failure: BaseException | None) -> None:
        self.failure = failure


def prefetch(
    make: Callable[[], Generator[T, None, None]], depth: int = 1, meanwhile: Callable[[T], T] | None = None
) -> Generator[T, None, None]:
    """Iterate over `make()` in a background thread, prefetching up to `depth + 1` items, in order.

    The thread starts when the first item is requested. An exception of `make` is raised here, after the items before
    it. `close` waits until the thread has finished its current item, so nothing continues in the background.

    Args:
        meanwhile: Applied to an item by the thread where it would wait otherwise, so that the consumer has less to do.
            The item keeps its place, and an exception is raised there.
    """
    from queue import SimpleQueue  # not for a pipe that reads one object

    made: SimpleQueue[T | _Ended] = SimpleQueue()
    room, stopped = threading.Semaphore(depth), threading.Event()
    thread = threading.Thread(
        target=_produce, args=(make, made, room, stopped, meanwhile), name="brigade-prefetch", daemon=True
    )
    thread.start()
    try:
        while not isinstance(item := made.get(), _Ended):
            room.release()
            yield item
        if item.failure is not None:
            raise item.failure
    finally:
        stopped.set()
        room.release()
        thread.join()


def _produce(
    make: Callable[[], Generator[T, None, None]],
    made: "SimpleQueue[T | _Ended]",
    room: threading.Semaphore,
    stopped: threading.Event,
    meanwhile: Callable[[T], T] | None,
) -> None:
    failure: BaseException | None = None
    try:
        with closing(make()) as items:
            for item in items:
                waits = not room.acquire(blocking=False)
                worked = meanwhile(item) if waits and meanwhile else item
                if waits:
                    room.acquire()
                if stopped.is_set():
                    return
                made.put(worked)
    except BaseException as error:  # noqa: BLE001 - raised again by the consumer
        failure = error
    finally:
        made.put(_Ended(failure))


def round_robin(lanes: Iterable[Generator[T, None, None]], width: int) -> Generator[T, None, None]:
    """Yield one item of each of `width` lanes in turn. When a lane ends, the next of `lanes` takes its place.

    The order depends only on the lanes, not on their speed. A lane starts at its first turn: a caller that takes only
    the first item starts only the first lane.
    """
    waiting, running = iter(lanes), deque[Generator[T, None, None]]()
    try:
        while True:
            lane = next(waiting, None) if len(running) < width else None
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
    allowed = getattr(os, "sched_getaffinity", None)  # only on Linux
    return len(allowed(0)) if allowed else os.cpu_count() or 1


def fetch_in_order(
    fetch: Callable[[int, memoryview], object], start: int, end: int, *, block: int, threads: int
) -> Iterator[memoryview]:
    """Iterate over the bytes from `start` to `end` in order, in blocks that `fetch` fills in parallel.

    A block is valid until the next one is requested. Memory: `threads` + 1 blocks, however slow the consumer is. An
    exception of `fetch` is raised in the place of its block, and no block follows.

    Args:
        fetch: `fetch(position, buffer)` fills the whole buffer.
        block: Bytes of a block.
    """
    if end - start <= block:
        if start < end:
            whole = memoryview(bytearray(end - start))
            fetch(start, whole)
            yield whole
        return
    yield from _fetch_in_parallel(fetch, start, end, block=block, threads=threads)


def _fetch_in_parallel(
    fetch: Callable[[int, memoryview], object], start: int, end: int, *, block: int, threads: int
) -> Iterator[memoryview]:
    from concurrent.futures import ThreadPoolExecutor  # loads logging too: not for a single request

    waiting: deque[tuple[Future[object], Any, int]] = deque()
    spare: list[Any] = []
    pool = ThreadPoolExecutor(threads, thread_name_prefix="brigade-range")
    try:
        position = start
        while position < end or waiting:
            while position < end and len(waiting) < threads:
                size = min(block, end - position)
                buffer = spare.pop() if spare else _new_buffer(block)
                waiting.append((pool.submit(fetch, position, memoryview(buffer)[:size]), buffer, size))
                position += size
            future, buffer, size = waiting.popleft()
            future.result()
            yield memoryview(buffer)[:size]
            spare.append(buffer)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _new_buffer(size: int) -> Any:
    """Return a buffer of large pages, if the system has them: 2 MiB are one page fault, not 512."""
    import mmap

    made = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    with suppress(AttributeError, OSError):  # not Linux, or built without
        made.madvise(mmap.MADV_HUGEPAGE)
    return made


class IteratorFile(io.RawIOBase):
    """The blocks of an iterator as a file that can be read once. `close` closes the iterator."""

    def __init__(self, blocks: Iterator[bytes] | Iterator[memoryview]) -> None:
        self._blocks: Iterator[bytes | memoryview] = blocks
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read from the current block and return the number of bytes; 0 at the end."""
        while not len(self._rest):
            block = next(self._blocks, None)
            if block is None:
                return 0
            self._rest = memoryview(block)
        target = memoryview(buffer).cast("B")
        count = min(len(target), len(self._rest))
        target[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count

    def close(self) -> None:
        """Stop reading."""
        getattr(self._blocks, "close", lambda: None)()
        super().close()
