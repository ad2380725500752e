"""Write an object of any size from a stream of bytes, without a disk, in bounded memory."""

from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from itertools import islice
from types import TracebackType
from typing import Any, Protocol, Self

from brigade.errors import BrigadeError, UsageError
from brigade.s3.checksum import CRC32, ChecksumAlgorithm
from brigade.s3.client_type import S3Client
from brigade.s3.conditions import Condition
from brigade.s3.multipart import SMALLEST_PART, Part, Upload, part_size
from brigade.s3.objects import WriteResult, put

MIB = 1024 * 1024
_AHEAD = 64  # parts that may start behind an unsent one: their results stay in memory, and stages stay open


class Destination(Protocol):
    """The destination of a writer's parts: an upload, or another object that publishes parts at a good end."""

    def part(self, number: int, body: bytearray) -> Part:
        """Send a part. Several threads call it."""

    def complete(self, parts: Sequence[Part], condition: Condition) -> WriteResult:
        """Publish the parts."""

    def abort(self) -> None:
        """Publish nothing."""


class Writer:
    """Publish what is written, whole, when the block ends well. After an exception nothing is published.

    `with Writer(client, bucket, key, condition=Absent()) as writer: writer.write(block)`. After the block
    `writer.written` has the version. The condition is on the write that publishes, so one of several racing writers
    wins. Less than one part is a single PutObject. More is a multipart upload, and `threads` threads send its parts
    while the next one is filled. A killed process leaves an upload without effect, which the bucket's rule for
    unfinished uploads deletes.

    Memory: `threads` + 1 parts, and the largest block written. A part has `part_bytes`, doubled after every 1,000
    parts, so the ceiling holds up to 1,000 parts and no object runs out of its 10,000. With `memory` the ceiling holds
    to the end: parts stop growing at a third of it, and fewer are sent at a time as they grow. A client of boto3 copies
    each part in flight once more while it signs it, if awscrt is installed and `BOTO_DISABLE_CRT` is not `true`.

    Args:
        part_bytes: 5 MiB to 5 GiB.
        memory: Bytes for all parts, 3 * `part_bytes` or more.
        metadata: As in `objects.put`.
        checksum: As in `Upload`.
        attributes: As in `objects.put`.
        token: As in `objects.put`.

    Raises:
        ConditionLost: Another write won. `write` or the end of the block raises it, and the upload is aborted.
        RetryLater: S3 does not take it now.
        BrigadeError: Not allowed.
    """

    def __init__(
        self,
        client: S3Client,
        bucket: str,
        key: str,
        *,
        condition: Condition = None,
        metadata: Mapping[str, str] | None = None,
        content_type: str = "binary/octet-stream",
        part_bytes: int = 8 * MIB,
        threads: int = 2,
        memory: int | None = None,
        checksum: ChecksumAlgorithm = CRC32,
        attributes: Mapping[str, Any] | None = None,
        token: str | None = None,
    ) -> None:
        if part_bytes < SMALLEST_PART:
            raise UsageError(f"a part has at least {SMALLEST_PART} bytes, not {part_bytes}")
        if memory is not None and memory < 3 * part_bytes:
            raise UsageError(f"{memory} bytes of memory hold less than three parts of {part_bytes} bytes")
        self.bytes = 0
        self._client, self._bucket, self._key, self._condition = client, bucket, key, condition
        self._carried: dict[str, Any] = {
            "metadata": metadata,
            "content_type": content_type,
            "checksum": checksum,
            "attributes": attributes,
            "token": token,
        }
        self._part_bytes, self._threads, self._memory = part_bytes, threads, memory
        self._buffer, self._filled = bytearray(), 0
        self._spare: list[bytearray] = []
        self._upload: Destination | None = None
        self._sending: dict[Future[Part], bytearray] = {}
        self._early: dict[int, Part] = {}
        self._parts: list[Part] = []
        self._begun = self._sent = 0
        self._pool: ThreadPoolExecutor | None = None
        self._written: WriteResult | None = None

    @property
    def written(self) -> WriteResult:
        """The version that was published. Read it after the block has ended well."""
        if self._written is None:
            raise UsageError(f"s3://{self._bucket}/{self._key} is not published yet: it is when the block has ended")
        return self._written

    @property
    def parts(self) -> int:
        """The number of parts that S3 has so far; 0 for an object that was written by one PutObject."""
        return self._sent

    @property
    def whole(self) -> str:
        """The checksum of the whole object as it was sent. Read it after the block has ended."""
        checksum: ChecksumAlgorithm = self._carried["checksum"]
        if self._parts:
            return checksum.whole((part.checksum, part.size) for part in self._parts)
        return checksum.of(self._buffer)

    def write(self, block: bytes | bytearray | memoryview) -> int:
        """Write a block of any size and return its length. Waits while all threads are sending."""
        rest = memoryview(block).cast("B")
        taken = len(rest)
        while len(rest):
            with self.room() as room:
                count = min(len(room), len(rest))
                room[:count] = rest[:count]
            self.advance(count)
            rest = rest[count:]
        return taken

    def room(self) -> memoryview:
        """Return the free part of the buffer. Fill it in place, release it, and call `advance`."""
        if not self._buffer:
            self._buffer = self._new_buffer()
        return memoryview(self._buffer)[self._filled :]

    def advance(self, count: int) -> None:
        """Write the first `count` bytes that `room` returned. Waits while all threads are sending."""
        self.bytes += count
        self._filled += count
        if self._buffer and self._filled == len(self._buffer):
            self._send()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._written = self._publish()
        finally:
            if self._pool:
                self._pool.shutdown(wait=True, cancel_futures=True)
            if self._written is None and self._upload:
                # The caller must see the first error. The bucket's rule deletes an upload that stays.
                with suppress(BrigadeError):
                    self._upload.abort()

    def open(self) -> Destination:
        """Open the upload. Called once, before its first part is sent."""
        return Upload.create(self._client, self._bucket, self._key, **self._carried)

    def _size(self) -> int:
        size = part_size(self._next(), self._part_bytes)
        return size if self._memory is None else min(size, self._memory // 3)

    def _next(self) -> int:
        return self._begun + 1

    def _new_buffer(self) -> bytearray:
        size = self._size()
        while self._sending and (len(self._sending) > self._threads or self._over(size)):
            self._collect()
        self._spare = [each for each in self._spare if len(each) == size]  # parts have grown past the others
        return self._spare.pop() if self._spare else bytearray(size)

    def _over(self, size: int) -> bool:
        return self._memory is not None and sum(map(len, self._sending.values())) + size > self._memory

    def _collect(self) -> None:
        """Wait until any part is sent: a slow one must not keep the threads of the others idle."""
        late = self._begun - self._sent >= _AHEAD
        for future in wait(islice(self._sending, 1) if late else self._sending, return_when=FIRST_COMPLETED).done:
            part = future.result()
            self._early[part.number] = part
            self._spare.append(self._sending.pop(future))
        while part_in_turn := self._early.pop(self._sent + 1, None):
            self._add(part_in_turn)
            self._sent += 1

    def _add(self, part: Part) -> None:
        self._parts.append(part)

    def _send(self) -> None:
        upload = self._begin()
        while len(self._sending) >= self._threads:
            self._collect()
        del self._buffer[self._filled :]
        self._begun += 1
        self._sending[self._threads_pool().submit(upload.part, self._begun, self._buffer)] = self._buffer
        self._buffer, self._filled = bytearray(), 0

    def _begin(self) -> Destination:
        if self._upload is None:
            self._upload = self.open()
        return self._upload

    def _threads_pool(self) -> ThreadPoolExecutor:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="brigade-part")
        return self._pool

    def _publish(self) -> WriteResult:
        if self._upload is None:
            del self._buffer[self._filled :]
            self._before_publish()
            return put(self._client, self._bucket, self._key, self._buffer, condition=self._condition, **self._carried)
        if self._filled:
            self._send()
        while self._sending:
            self._collect()
        self._before_publish()
        return self._upload.complete(self._parts, self._condition)

    def _before_publish(self) -> None:
        """Called once before the request that publishes. If it raises ConditionLost, nothing is published."""
