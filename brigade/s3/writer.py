"""Write an object of any size from a stream of bytes, without a disk, in bounded memory."""

from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from itertools import islice
from types import TracebackType
from typing import Any, Protocol, Self

from brigade.errors import BrigadeError, UsageError
from brigade.s3.checksum import CRC32, Checksum
from brigade.s3.condition import Condition
from brigade.s3.put import Puts, put
from brigade.s3.settle import Written
from brigade.s3.upload import SMALLEST_PART, Part, Upload, Uploads, part_size

MIB = 1024 * 1024
_AHEAD = 64  # parts begun behind one that is not sent: what is known of them waits in memory, stages stay open


class Writes(Puts, Uploads, Protocol):
    """The calls that writing needs."""


class Destination(Protocol):
    """Where a writer's parts go: an upload, or what else publishes parts as one at a good end."""

    def part(self, number: int, body: bytearray) -> Part:
        """Send a part; called by several threads."""

    def complete(self, parts: Sequence[Part], condition: Condition) -> Written:
        """Publish the parts."""

    def abort(self) -> None:
        """Publish nothing."""


class Writer:
    """Publish what is written when the block ends well, whole; publish nothing when it ends by an exception.

    ``with Writer(client, bucket, key, condition=Absent()) as writer: writer.write(block)``; afterwards
    ``writer.written`` tells the version. The condition is on the write that publishes, so of racing writers one wins.
    Less than one part is a single PutObject; more is a multipart upload, its parts sent by ``threads`` threads while
    the next is filled. A killed process leaves an upload without effect, which the bucket's rule for unfinished uploads
    clears.

    Memory: ``threads`` + 1 parts and the largest block written. A part has ``part_bytes`` (5 MiB to 5 GiB), doubled
    after every 1,000 parts, so the ceiling holds up to 1,000 parts and no object runs out of its 10,000. With
    ``memory`` (3 × 5 MiB or more) the ceiling holds to the end: parts stop growing at a third of it, and fewer are sent
    at a time as they grow. A client of boto3 copies each part in flight once more while it signs it, if awscrt is
    installed and ``BOTO_DISABLE_CRT`` is not ``true``.

    ``attributes``: what else the object shall carry, as in ``put``; ``checksum``: as in ``Upload``; ``token``: as in
    ``put``.

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
        memory: int | None = None,
        checksum: Checksum = CRC32,
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
        self._written: Written | None = None

    @property
    def written(self) -> Written:
        """The version that was published, once the block has ended well."""
        if self._written is None:
            raise UsageError(f"s3://{self._bucket}/{self._key} is not published yet: it is when the block has ended")
        return self._written

    @property
    def parts(self) -> int:
        """How many parts S3 has so far; none for an object that was written by one PutObject."""
        return self._sent

    @property
    def whole(self) -> str:
        """The checksum of the whole object, as it was sent, once the block has ended."""
        checksum: Checksum = self._carried["checksum"]
        if self._parts:
            return checksum.whole((part.checksum, part.size) for part in self._parts)
        return checksum.of(self._buffer)

    def write(self, block: bytes | bytearray | memoryview) -> int:
        """Take a block of any size and give its length; it waits while all threads are sending."""
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
        """Give the free part of the buffer, to be filled in place and released; ``advance`` then says how far."""
        if not self._buffer:
            self._buffer = self._new_buffer()
        return memoryview(self._buffer)[self._filled :]

    def advance(self, count: int) -> None:
        """Take the first ``count`` bytes of what ``room`` gave; it waits while all threads are sending."""
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
                # What went wrong first is what the caller must read; the bucket's rule clears an upload that stays.
                with suppress(BrigadeError):
                    self._upload.abort()

    def open(self) -> Destination:
        """Open the upload; called once, before its first part is sent."""
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
        """Wait until a part is sent, whichever is first: a slow one must not keep the threads of the others idle."""
        late = self._begun - self._sent >= _AHEAD
        for future in wait(islice(self._sending, 1) if late else self._sending, return_when=FIRST_COMPLETED).done:
            part = future.result()
            self._early[part.number] = part
            self._spare.append(self._sending.pop(future))
        while part_in_turn := self._early.pop(self._sent + 1, None):
            self._take(part_in_turn)
            self._sent += 1

    def _take(self, part: Part) -> None:
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

    def _publish(self) -> Written:
        if self._upload is None:
            del self._buffer[self._filled :]
            self._look()
            return put(self._client, self._bucket, self._key, self._buffer, condition=self._condition, **self._carried)
        if self._filled:
            self._send()
        while self._sending:
            self._collect()
        self._look()
        return self._upload.complete(self._parts, self._condition)

    def _look(self) -> None:
        """Called once before the request that publishes. It may raise ConditionLost, and then nothing is published."""
