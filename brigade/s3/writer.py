"""Write an object of any size from a stream of bytes, without a disk, in bounded memory."""

from collections import deque
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from types import TracebackType
from typing import Protocol, Self

from brigade.errors import BrigadeError, UsageError
from brigade.s3.condition import Condition
from brigade.s3.put import Puts, put
from brigade.s3.settle import Written
from brigade.s3.upload import SMALLEST_PART, Part, Upload, Uploads, part_size

MIB = 1024 * 1024


class Writes(Puts, Uploads, Protocol):
    """The calls that writing needs."""


class Writer:
    """Publish what is written when the block ends well, whole; publish nothing when it ends by an exception.

    ``with Writer(client, bucket, key, condition=Absent()) as writer: writer.write(block)``; afterwards
    ``writer.written`` tells the version. The condition is on the write that publishes, so of racing writers one wins.
    Less than one part is a single PutObject; more is a multipart upload, its parts sent by ``threads`` threads while
    the next is filled. A killed process leaves an upload without effect, which the bucket's rule for unfinished uploads
    clears.

    Memory: ``threads`` + 1 parts and the largest block written. A part has ``part_bytes`` (5 MiB to 5 GiB), doubled
    after every 1,000 parts, so the ceiling holds up to 1,000 parts and an object of 8 MiB parts reaches 7.8 TiB.

    Fails, in ``write`` or at the end of the block, with ConditionLost when another write won, RetryLater when S3 does
    not take it now, BrigadeError when not allowed; the upload is aborted then.
    """

    def __init__(
        self,
        client: Writes,
        bucket: str,
        key: str,
        *,
        condition: Condition = None,
        metadata: Mapping[str, str] | None = None,
        content_type: str = "binary/octet-stream",
        part_bytes: int = 8 * MIB,
        threads: int = 2,
    ) -> None:
        if part_bytes < SMALLEST_PART:
            raise UsageError(f"a part has at least {SMALLEST_PART} bytes, not {part_bytes}")
        self.bytes = 0
        self._client, self._bucket, self._key = client, bucket, key
        self._condition, self._metadata, self._content_type = condition, metadata, content_type
        self._part_bytes, self._threads = part_bytes, threads
        self._buffer = bytearray()
        self._upload: Upload | None = None
        self._sending: deque[Future[Part]] = deque()
        self._parts: list[Part] = []
        self._pool: ThreadPoolExecutor | None = None
        self._written: Written | None = None

    @property
    def written(self) -> Written:
        """The version that was published, once the block has ended well."""
        if self._written is None:
            raise UsageError(f"s3://{self._bucket}/{self._key} is not published yet: it is when the block has ended")
        return self._written

    def write(self, block: bytes | bytearray | memoryview) -> int:
        """Take a block of any size and give its length; it waits while all threads are sending."""
        rest = memoryview(block).cast("B")
        self.bytes += len(rest)
        taken = len(rest)
        while len(rest):
            room = self._size() - len(self._buffer)
            self._buffer += rest[:room]
            rest = rest[room:]
            if len(self._buffer) >= self._size():
                self._send()
        return taken

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
                # What went wrong first is what the caller must read; the bucket's rule clears an upload that stays.
                with suppress(BrigadeError):
                    self._upload.abort()

    def _size(self) -> int:
        return part_size(len(self._parts) + len(self._sending) + 1, self._part_bytes)

    def _send(self) -> None:
        if self._upload is None or self._pool is None:
            self._upload = Upload.create(
                self._client, self._bucket, self._key, metadata=self._metadata, content_type=self._content_type
            )
            self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="brigade-part")
        if len(self._sending) >= self._threads:
            self._parts.append(self._sending.popleft().result())
        number = len(self._parts) + len(self._sending) + 1
        self._sending.append(self._pool.submit(self._upload.part, number, self._buffer))
        self._buffer = bytearray()

    def _publish(self) -> Written:
        if self._upload is None:
            return put(
                self._client,
                self._bucket,
                self._key,
                self._buffer,
                condition=self._condition,
                metadata=self._metadata,
                content_type=self._content_type,
            )
        if self._buffer:
            self._send()
        while self._sending:
            self._parts.append(self._sending.popleft().result())
        return self._upload.complete(self._parts, self._condition)
