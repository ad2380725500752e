"""Read one version of an object as a stream, and verify every byte."""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Self

from brigade.errors import InvalidData, NotFound, UsageError
from brigade.pipe.units import MIB
from brigade.pipe.verify import ChecksumVerifier, choose_verifier
from brigade.s3.checksum import crc64nvme
from brigade.s3.errors import require_fields, translate_errors
from brigade.s3.location import Location
from brigade.s3.objects import ObjectHead, head
from brigade.s3.read import read_range
from brigade.streams import IteratorFile, fetch_in_order

BLOCK = 8 * MIB
MEMORY = 128 * MIB
PROCESS = 56 * MIB
_TRIES = 3
_PIECE = 512 * 1024  # fits the cache of a core while it is verified and written


@dataclass(frozen=True)
class ByteRange:
    """A range of bytes: `length` from `offset` (None: to the end), or the last `tail`."""

    offset: int = 0
    length: int | None = None
    tail: int | None = None

    def of(self, size: int) -> tuple[int, int]:
        """Return the first byte and the one behind the last, in an object of `size` bytes."""
        start = max(0, size - self.tail) if self.tail is not None else min(self.offset, size)
        return start, size if self.length is None else min(size, start + self.length)


class _NoPartSizesError(Exception):
    """The server ignores `partNumber` of HEAD, so the sizes of an object's parts are unknown."""


@dataclass
class ObjectReader:
    """A reader of one version of one object, which `open` pins."""

    client: Any
    location: Location
    found: ObjectHead
    version_id: str | None
    block: int
    threads: int
    proved_by: str | None = None

    @classmethod
    def open(
        cls, client: Any, location: Location, *, version_id: str | None = None, memory: int = MEMORY, threads: int = 6
    ) -> Self:
        """Return a reader of the current version, or of `version_id`.

        Args:
            memory: Bytes for the process, 58 MiB or more.

        Raises:
            NotFound: There is no such object or version.
            UsageError: `memory` is too small.
        """
        found = head(client, location.bucket, location.key, checksum=True, version_id=version_id)
        if found is None:
            what = f" with version {version_id}" if version_id else ""
            raise NotFound(f"there is no object {location}{what}")
        room = memory - PROCESS
        if room < 2 * MIB:
            raise UsageError(f"pipes need {PROCESS // MIB + 2} MiB of memory or more, not {memory // MIB}")
        block = min(BLOCK, max(MIB, room // 9 // MIB * MIB))
        return cls(client, location, found, version_id, block, max(1, min(threads, room // block - 1)))

    def blocks(
        self, span: ByteRange | None = None, *, first: bool = False, unproved: bool = False
    ) -> Iterator[memoryview]:
        """Iterate over the bytes in order. The last `block` is yielded only after all bytes are verified.

        Args:
            span: The range to yield. S3 stores no checksum of a range, so the whole object is read to verify it.
            first: Whether to verify all bytes before the first one is yielded. An object that does not fit the memory
                is then read twice.
            unproved: Whether to read an object without a stored checksum too, and of a span only the span. The bytes
                are still of one version, and complete.

        Raises:
            InvalidData: Bytes are wrong, or S3 stores no checksum and `unproved` is false.
            ConditionLost: The object was changed.
            RetryLater: As `brigade.s3.read.read_range`.
        """
        size = self.found.size
        start, end = span.of(size) if span else (0, size)
        if start >= end and size:
            return  # no byte is asked for
        check = None if unproved and (start, end) != (0, size) else self._verifier()
        if check is None:
            if not unproved:
                raise self._unprovable()
            yield from self._once(None, start, end)
            return
        self.proved_by = check.name
        if first:
            yield from self._twice(check, start, end)
            return
        position = 0
        for block in self._once(check, 0, size):
            if given := block[max(0, start - position) : max(0, end - position)]:
                yield given
            position += len(block)

    def _once(self, check: ChecksumVerifier | None, start: int, end: int) -> Iterator[memoryview]:
        position = start
        for block in self._ordered(self._fill, start, end):
            position += len(block)
            last = position == end
            if check and last:  # verified before it is yielded: wrong bytes are at least a truncated stream
                check.update(block)
                self._compare(check)
            for begin in range(0, len(block), _PIECE):
                piece = block[begin : begin + _PIECE]
                if check and not last:
                    check.update(piece)
                yield piece
        if check and start == end:
            self._compare(check)

    def whole(self) -> memoryview:
        """Return all bytes, read in parallel and verified. Memory: the object. Raises what `blocks` raises."""
        check = self._verifier()
        if check is None:
            raise self._unprovable()
        from concurrent.futures import ThreadPoolExecutor

        buffer = memoryview(bytearray(self.found.size))
        starts = range(0, self.found.size, self.block)
        with ThreadPoolExecutor(self.threads, thread_name_prefix="brigade-range") as pool:
            list(pool.map(lambda start: self._fill(start, buffer[start : start + self.block]), starts))
        check.update(buffer)
        self._compare(check)
        return buffer

    def _twice(self, check: ChecksumVerifier, start: int, end: int) -> Iterator[memoryview]:
        update = crc64nvme().update
        if self.found.size <= self.block * self.threads:
            yield self.whole()[start:end]
            return
        sums = []
        for block in self._ordered(self._fill, 0, self.found.size):
            check.update(block)
            sums.append(update(block, 0))
        self._compare(check)

        def fetch(position: int, buffer: memoryview) -> None:
            for _ in range(_TRIES):
                self._fill(position, buffer)
                if update(buffer, 0) == sums[position // self.block]:
                    return
            raise InvalidData(f"{self.location} returned other bytes at {position} than when they were verified")

        aligned = start // self.block * self.block
        position = aligned
        for block in self._ordered(fetch, aligned, min(self.found.size, -(-end // self.block) * self.block)):
            yield block[max(0, start - position) : end - position]
            position += len(block)

    def _ordered(self, fetch: Callable[[int, memoryview], None], start: int, end: int) -> Iterator[memoryview]:
        return fetch_in_order(fetch, start, end, block=self.block, threads=self.threads)

    def _fill(self, position: int, buffer: memoryview) -> None:
        read_range(self.client, *self.location, position, buffer, etag=self.found.etag, version_id=self.version_id)

    def _verifier(self) -> ChecksumVerifier | None:
        try:
            return choose_verifier(self.found, self._part_sizes)
        except _NoPartSizesError:
            return None

    def _part_sizes(self, count: int) -> Iterator[int]:
        pinned = {"VersionId": self.version_id} if self.version_id is not None else {}
        for number in range(1, count + 1):
            bucket, key = self.location
            act = "look at a part of"
            with translate_errors(act, bucket, key), require_fields(act, bucket, key):
                answer = self.client.head_object(
                    Bucket=bucket, Key=key, PartNumber=number, IfMatch=self.found.etag, **pinned
                )
                size = answer["ContentLength"]
            if number == 1 and count > 1 and size >= self.found.size:
                raise _NoPartSizesError
            yield size

    def _unprovable(self) -> InvalidData:
        return InvalidData(
            f"S3 has no checksum of {self.location} to verify the bytes with; --unproved reads it anyway"
        )

    def _compare(self, check: ChecksumVerifier) -> None:
        if wrong := check.mismatch():
            raise InvalidData(f"the bytes read from {self.location} differ from the bytes that S3 received: {wrong}")


def open_read(
    client: Any, uri: str, *, version_id: str | None = None, memory: int = MEMORY, first: bool = False
) -> io.BufferedReader:
    """Return one version of an object as a file. Its last block of 8 MiB is read only after all bytes are verified.

    `with open_read(client, "s3://bucket/key") as file: file.read()`. If the block ends before the end of the file,
    the bytes are not verified.

    Args:
        version_id: Another version than the current one.
        memory: Bytes for the process, 58 MiB or more.
        first: Whether to verify all bytes before the first one is read.

    Raises:
        NotFound: There is no such object.
        InvalidData: Bytes are wrong. This error and the next two come while reading.
        ConditionLost: The object was changed.
        RetryLater: S3 does not send it now.
    """
    reading = ObjectReader.open(client, Location.parse(uri), version_id=version_id, memory=memory)
    return io.BufferedReader(IteratorFile(reading.blocks(first=first)), MIB)
