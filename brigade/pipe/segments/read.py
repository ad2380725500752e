"""From segments to a stream, while they may still be written."""

import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from brigade.errors import BrigadeError, InvalidData, NotFound, UsageError
from brigade.pipe.read import PROCESS, Reading
from brigade.pipe.segments import manifest
from brigade.pipe.segments.manifest import Manifest
from brigade.s3.location import Location

POLL_S = 1.0


def followed(
    client: Any, path: Location, *, memory: int | None = None, threads: int = 6, follow: bool = False, dead_after: float
) -> Iterator[memoryview]:
    """Give the bytes of all segments in order, each proved before it is given; the end comes when all were written.

    With ``follow`` it waits for what is still to come, or to begin; any number of readers may. Memory: two segments and
    56 MiB. Fails with BrigadeError when the writer failed, or changed nothing for ``dead_after`` seconds; without
    ``follow`` also when the writing is not completed.
    """
    told = _Told(client, path, dead_after)
    current = told.first(follow=follow)
    _room(current.segment_size, memory)
    given = total = 0
    ahead: deque[Future[memoryview]] = deque()
    with ThreadPoolExecutor(1, thread_name_prefix="brigade-segment") as pool:

        def fetch(number: int) -> "Future[memoryview]":
            return pool.submit(_segment, client, path, number, threads, told)

        while True:
            while given + len(ahead) < current.segments and len(ahead) < 1:
                ahead.append(fetch(given + len(ahead) + 1))
            if ahead:
                body = ahead.popleft().result()
                given, total = given + 1, total + len(body)
                if given < current.segments:
                    ahead.append(fetch(given + 1))
                yield body
                del body
            elif current.completed:
                break
            else:
                current = told.next(current, follow=follow)
    if total != current.total:
        raise InvalidData(f"{path}/ has {total} bytes in {given} segments, its manifest says {current.total}")


class _Told:
    """The manifest over time, and how long it has been silent."""

    def __init__(self, client: Any, path: Location, dead_after: float) -> None:
        self._client, self._path, self._dead_after = client, path, dead_after
        self._version, self._heard = "", time.monotonic()

    def first(self, *, follow: bool) -> Manifest:
        """Give the first manifest; with ``follow``, wait for it."""
        while (found := manifest.read(self._client, self._path)) is None:
            if not follow:
                raise NotFound(f"there is no object {self._path}, and no segments under it")
            self.silence("did not begin")
            time.sleep(POLL_S)
        return self._take(*found)

    def next(self, current: Manifest, *, follow: bool) -> Manifest:
        """Wait for a manifest that says more."""
        if not follow:
            raise BrigadeError(f"{self._path}/ is still being written; --follow waits for its end")
        while True:
            time.sleep(POLL_S)
            found = manifest.read(self._client, self._path)
            if found is None:
                raise NotFound(f"the manifest of {self._path}/ is gone")
            told = self._take(*found)
            if (told.segments, told.completed) != (current.segments, current.completed):
                return told
            self.silence("changed nothing")

    def silence(self, did: str) -> None:
        """Fail when the writer was silent for too long."""
        if time.monotonic() - self._heard > self._dead_after:
            raise BrigadeError(f"the writer of {self._path}/ {did} for {self._dead_after:g} s: it is taken for dead")

    def _take(self, told: Manifest, version: str) -> Manifest:
        if version != self._version:
            self._version, self._heard = version, time.monotonic()
        if told.failed:
            raise BrigadeError(f"the writer of {self._path}/ failed: {told.failed}")
        return told


def _segment(client: Any, path: Location, number: int, threads: int, told: _Told) -> memoryview:
    """Give a segment, proved. One that is named but not there is waited for: s3pipe2 names them too early."""
    location = Location(path.bucket, manifest.segment(path, number))
    reading = _patiently(lambda: Reading.open(client, location, threads=threads), told)
    return reading.whole()


def _patiently(open_: Callable[[], Reading], told: _Told) -> Reading:
    while True:
        try:
            return open_()
        except NotFound as error:
            try:
                told.silence("named a segment that did not come")
            except BrigadeError:
                raise error from None
            time.sleep(POLL_S)


def _room(size: int, memory: int | None) -> None:
    if memory is not None and memory < PROCESS + 2 * size:
        needed = (PROCESS + 2 * size) // 2**20 + 1
        raise UsageError(f"two segments of {size} bytes need {needed} MiB of memory, more than {memory // 2**20}")
