"""Ranges read in parallel and given in order, never more than a window of them at a time."""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from concurrent.futures import Future


def ordered(
    fetch: Callable[[int, memoryview], object], start: int, end: int, *, block: int, threads: int
) -> Iterator[memoryview]:
    """Give the bytes from ``start`` to ``end`` in order, in blocks of ``block`` bytes that ``fetch`` fills in parallel.

    A block is valid until the next is asked for. However slow the reader is, memory is ``threads`` + 1 blocks; what
    ``fetch`` raises comes in its place, and nothing behind it.
    """
    if end - start <= block:
        if start < end:
            whole = memoryview(bytearray(end - start))
            fetch(start, whole)
            yield whole
        return
    yield from _parallel(fetch, start, end, block=block, threads=threads)


def _parallel(
    fetch: Callable[[int, memoryview], object], start: int, end: int, *, block: int, threads: int
) -> Iterator[memoryview]:
    from concurrent.futures import ThreadPoolExecutor  # loads logging too: not for what one request gives

    waiting: deque[tuple[Future[object], Any, int]] = deque()
    spare: list[Any] = []
    pool = ThreadPoolExecutor(threads, thread_name_prefix="brigade-range")
    try:
        position = start
        while position < end or waiting:
            while position < end and len(waiting) < threads:
                size = min(block, end - position)
                buffer = spare.pop() if spare else _buffer(block)
                waiting.append((pool.submit(fetch, position, memoryview(buffer)[:size]), buffer, size))
                position += size
            future, buffer, size = waiting.popleft()
            future.result()
            yield memoryview(buffer)[:size]
            spare.append(buffer)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _buffer(size: int) -> Any:
    """Make a buffer of large pages where the system has them: 2 MiB are one fault, not 512, and are zeroed once."""
    import mmap

    made = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    with suppress(AttributeError, OSError):  # not Linux, or built without
        made.madvise(mmap.MADV_HUGEPAGE)
    return made
