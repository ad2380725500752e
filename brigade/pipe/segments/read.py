"""Read segments as a stream, also while they are being written."""

import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from brigade.errors import BrigadeError, InvalidData, NotFound, UsageError
from brigade.pipe.read import PROCESS, ObjectReader
from brigade.pipe.segments import manifest
from brigade.pipe.segments.manifest import SegmentManifest
from brigade.s3.location import Location

POLL_S = 1.0


def follow_segments(
    client: Any, path: Location, *, memory: int | None = None, threads: int = 6, follow: bool = False, dead_after: float
) -> Iterator[memoryview]:
    """Iterate over the bytes of all segments in order. Each segment is verified before it is yielded.

    Any number of readers may follow a writer. Memory: two segments and 56 MiB.

    Args:
        follow: Whether to wait for further segments, and for the first one.
        dead_after: Seconds without a change of the manifest after which the writer counts as dead.

    Raises:
        BrigadeError: The writer failed or is dead, or has not finished and `follow` is false.
        NotFound: There are no segments.
        InvalidData: The segments do not have the size that the manifest has.
    """
    watcher = _ManifestWatcher(client, path, dead_after)
    current = watcher.first(follow=follow)
    _check_memory(current.segment_size, memory)
    given = total = 0
    ahead: deque[Future[memoryview]] = deque()
    with ThreadPoolExecutor(1, thread_name_prefix="brigade-segment") as pool:

        def fetch(number: int) -> "Future[memoryview]":
            return pool.submit(_segment, client, path, number, threads, watcher)

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
                current = watcher.next(current, follow=follow)
    if total != current.total:
        raise InvalidData(f"{path}/ has {total} bytes in {given} segments, its manifest says {current.total}")


class _ManifestWatcher:
    """Reads a manifest again and again, and raises an error if it does not change for too long."""

    def __init__(self, client: Any, path: Location, dead_after: float) -> None:
        self._client, self._path, self._dead_after = client, path, dead_after
        self._version, self._changed = "", time.monotonic()

    def first(self, *, follow: bool) -> SegmentManifest:
        """Return the first manifest. With `follow`, wait for it."""
        while (found := manifest.read(self._client, self._path)) is None:
            if not follow:
                raise NotFound(f"there is no object {self._path}, and no segments under it")
            self.check_silence("did not begin")
            time.sleep(POLL_S)
        return self._accept(*found)

    def next(self, current: SegmentManifest, *, follow: bool) -> SegmentManifest:
        """Wait for a manifest with progress and return it."""
        if not follow:
            raise BrigadeError(f"{self._path}/ is still being written; --follow waits for its end")
        while True:
            time.sleep(POLL_S)
            found = manifest.read(self._client, self._path)
            if found is None:
                raise NotFound(f"the manifest of {self._path}/ is gone")
            progress = self._accept(*found)
            if (progress.segments, progress.completed) != (current.segments, current.completed):
                return progress
            self.check_silence("changed nothing")

    def check_silence(self, did: str) -> None:
        """Raise BrigadeError if the manifest has not changed for `dead_after` seconds."""
        if time.monotonic() - self._changed > self._dead_after:
            raise BrigadeError(f"the writer of {self._path}/ {did} for {self._dead_after:g} s: it is considered dead")

    def _accept(self, progress: SegmentManifest, version: str) -> SegmentManifest:
        if version != self._version:
            self._version, self._changed = version, time.monotonic()
        if progress.failed:
            raise BrigadeError(f"the writer of {self._path}/ failed: {progress.failed}")
        return progress


def _segment(client: Any, path: Location, number: int, threads: int, watcher: _ManifestWatcher) -> memoryview:
    """Return a verified segment. Waits for one that is named but not stored yet: s3pipe2 names them too early."""
    location = Location(path.bucket, manifest.segment_key(path, number))
    reading = _patiently(lambda: ObjectReader.open(client, location, threads=threads), watcher)
    return reading.whole()


def _patiently(open_: Callable[[], ObjectReader], watcher: _ManifestWatcher) -> ObjectReader:
    while True:
        try:
            return open_()
        except NotFound as error:
            try:
                watcher.check_silence("named a segment that did not come")
            except BrigadeError:
                raise error from None
            time.sleep(POLL_S)


def _check_memory(size: int, memory: int | None) -> None:
    if memory is not None and memory < PROCESS + 2 * size:
        needed = (PROCESS + 2 * size) // 2**20 + 1
        raise UsageError(f"two segments of {size} bytes need {needed} MiB of memory, more than {memory // 2**20}")
