"""Pages in, durable parts out: each part is stored in S3 and then in the checkpoint, while the next page is fetched."""

import hashlib
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from types import TracebackType
from typing import Self

from msgspec.structs import replace

from brigade.errors import BrigadeError
from brigade.ingest.checkpoint import Checkpoint
from brigade.ingest.target import Target
from brigade.jsonl import Gzip, Page, Stamp
from brigade.s3 import Absent, Matches
from brigade.s3.upload import SMALLEST_PART, Upload, part_size
from brigade.s3.writer import Writes
from brigade.state import Entry, State

CONTENT_TYPE = "application/gzip"


class Assembly:
    """Turn pages into gzip members, members into parts on page boundaries, and keep the checkpoint at the last part.

    A part has ``part_bytes`` and at most a page more, compressed; one is sent in the background while one is filled.
    Memory: those two parts, and what a page takes.

    Leaving by an exception leaves the last durable checkpoint, and no upload that no checkpoint names.

    Fails with ConditionLost when another run has changed the checkpoint, with NotFound when S3 has dropped the upload.
    """

    def __init__(
        self, s3: Writes, state: State, target: Target, checkpoint: Checkpoint, version: str | None, *, part_bytes: int
    ) -> None:
        self.slowest_part = 0.0
        # SHA-256 cannot be taken up in another process, so parts of an earlier one are read again once published.
        self._digest = None if checkpoint.parts else hashlib.sha256()
        self._s3, self._state, self._target, self._part_bytes = s3, state, target, part_bytes
        self._began, self._earlier = time.monotonic(), checkpoint.seconds
        self._durable, self._version = checkpoint, version
        self._reached = replace(checkpoint, invocations=checkpoint.invocations + 1, tail=b"")
        self._stamp, self._gzip = Stamp(target.date, checkpoint.ts), Gzip()
        self._buffer = bytearray(checkpoint.tail)
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="brigade-part")
        self._sending: Future[None] | None = None
        self._unnamed: Upload | None = None

    def add(self, page: Page, seen: tuple[str, ...]) -> None:
        """Take a page whole; it waits only while the part before the last is still being sent."""
        plain = 0
        for block in self._stamp.lines(page):
            plain += len(block)
            self._buffer += self._gzip.compress(block)
        reached = self._reached
        self._reached = replace(
            reached,
            next=page.token,
            seen=seen,
            pages=reached.pages + 1,
            records=reached.records + len(page.records),
            plain_bytes=reached.plain_bytes + plain,
            done=page.token is None,
        )
        number = len(self._durable.parts) + (1 if self._sending else 0) + 1
        if len(self._buffer) >= part_size(number, self._part_bytes):
            self._buffer += self._gzip.flush()
            self._wait()
            self._sending = self._pool.submit(self._store, self._buffer, self._reached)
            self._buffer = bytearray()

    def rest(self) -> Entry[Checkpoint]:
        """Make all that was added durable, a tail too short for a part in the checkpoint itself, and give that."""
        if self._reached.done and not self._reached.records:
            self._buffer += self._gzip.compress(b"")  # no records at all are still a valid gzip file
        self._buffer += self._gzip.flush()
        self._wait()
        if self._reached.pages == self._durable.pages:
            return Entry(self._durable, self._version or "")
        if self._buffer and (self._durable.upload if self._reached.done else len(self._buffer) >= SMALLEST_PART):
            self._store(self._buffer, self._reached)
        else:
            if self._digest and self._reached.done:
                self._digest.update(self._buffer)
            upload, parts = self._durable.upload, self._durable.parts
            self._save(replace(self._reached, upload=upload, parts=parts, tail=bytes(self._buffer)))
        self._buffer = bytearray()
        return Entry(self._durable, self._version or "")

    @property
    def sha256(self) -> str | None:
        """The SHA-256 of all bytes handed to S3 by ``rest``, or None when an earlier process handed over some."""
        return self._digest.hexdigest() if self._digest else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(wait=True)
        if self._unnamed:
            # What went wrong first is what must be read; the bucket's rule clears an upload that stays.
            with suppress(BrigadeError):
                self._unnamed.abort()

    def _wait(self) -> None:
        sending, self._sending = self._sending, None
        if sending:
            sending.result()

    def _store(self, body: bytearray, reached: Checkpoint) -> None:
        began = time.monotonic()
        upload = self._upload()
        part = upload.part(len(self._durable.parts) + 1, body)
        if self._digest:
            self._digest.update(body)
        self._save(replace(reached, upload=upload.id, parts=(*self._durable.parts, part)))
        self._unnamed = None
        self.slowest_part = max(self.slowest_part, time.monotonic() - began)

    def _upload(self) -> Upload:
        lake, key, write = self._target.lake, self._target.key, self._reached.write
        if self._durable.upload:
            return Upload(self._s3, lake, key, self._durable.upload, write)
        self._unnamed = Upload.create(self._s3, lake, key, content_type=CONTENT_TYPE, token=write)
        return self._unnamed

    def _save(self, checkpoint: Checkpoint) -> None:
        checkpoint = replace(checkpoint, seconds=round(self._earlier + time.monotonic() - self._began, 3))
        condition = Matches(self._version) if self._version else Absent()
        self._version = self._state.put(self._target.checkpoint, checkpoint, condition).version
        self._durable = checkpoint
