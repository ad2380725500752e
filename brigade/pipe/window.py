"""Ranges read in parallel and given in order, never more than a window of them at a time."""

from collections import deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

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
            buffer = memoryview(bytearray(end - start))
            fetch(start, buffer)
            yield buffer
        return
    yield from _parallel(fetch, start, end, block=block, threads=threads)


def _parallel(
    fetch: Callable[[int, memoryview], object], start: int, end: int, *, block: int, threads: int
) -> Iterator[memoryview]:
    from concurrent.futures import ThreadPoolExecutor  # loads logging too: not for what one request gives

    waiting: deque[tuple[Future[object], bytearray, int]] = deque()
    spare: list[bytearray] = []
    pool = ThreadPoolExecutor(threads, thread_name_prefix="brigade-range")
    try:
        position = start
        while position < end or waiting:
            while position < end and len(waiting) < threads:
                size = min(block, end - position)
                buffer = spare.pop() if spare else bytearray(block)
                waiting.append((pool.submit(fetch, position, memoryview(buffer)[:size]), buffer, size))
                position += size
            future, buffer, size = waiting.popleft()
            future.result()
            yield memoryview(buffer)[:size]
            spare.append(buffer)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
