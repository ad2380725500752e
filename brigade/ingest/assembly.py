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
from brigade.ingest.feed import Feed
from brigade.ingest.pour import Pour
from brigade.ingest.target import Target
from brigade.ingest.walk import Step
from brigade.jsonl import Gzip, Stamp
from brigade.s3 import Matches
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
        self, s3: Writes, state: State, target: Target, entry: Entry[Checkpoint], source: Feed, *, part_bytes: int
    ) -> None:
        checkpoint = entry.value
        self.slowest_part = 0.0
        # SHA-256 cannot be taken up in another process, so parts of an earlier one are read again once published.
        self._digest = None if checkpoint.parts else hashlib.sha256()
        self._s3, self._state, self._target, self._part_bytes = s3, state, target, part_bytes
        self._began, self._earlier = time.monotonic(), checkpoint.seconds
        self._durable, self._version = checkpoint, entry.version
        self._began_with = checkpoint
        self._reached = replace(checkpoint, invocations=checkpoint.invocations + 1, tail=b"")
        self._pour = Pour(
            source,
            Stamp(target.date, checkpoint.ts),
            profile=checkpoint.profile.copy(),
            records=checkpoint.records,
            broken=checkpoint.broken,
            quarantine=checkpoint.quarantine,
        )
        self._gzip = Gzip()
        self._buffer = bytearray(checkpoint.tail)
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="brigade-part")
        self._sending: Future[None] | None = None
        self._unnamed: Upload | None = None

    def add(self, step: Step, *, requests: int = 0, retries: int = 0, waited_s: float = 0.0, bytes_in: int = 0) -> None:
        """Take a page whole; it waits only while the part before the last is still being sent.

        The counts are of what this invocation asked of the API until now.
        """
        plain, began = 0, self._began_with
        for block in self._pour.lines(step.page):
            plain += len(block)
            self._buffer += self._gzip.compress(block)
        reached = self._reached
        self._reached = replace(
            reached,
            next=step.next,
            done=step.done,
            seen=step.seen,
            mark=step.mark,
            total=step.total,
            pages=reached.pages + (1 if step.page.data or not step.done else 0),
            records=self._pour.records,
            broken=self._pour.broken,
            quarantine=self._pour.quarantine,
            plain_bytes=reached.plain_bytes + plain,
            requests=began.requests + requests,
            retries=began.retries + retries,
            waited_s=began.waited_s + waited_s,
            bytes_in=began.bytes_in + bytes_in,
            wake=None,
        )
        if step.done:
            self._pour.check(step.page.place)
        number = len(self._durable.parts) + (1 if self._sending else 0) + 1
        if len(self._buffer) >= part_size(number, self._part_bytes):
            self._buffer += self._gzip.flush()
            self._wait()
            reached = replace(self._reached, profile=self._pour.profile.copy())
            self._sending = self._pool.submit(self._store, self._buffer, reached)
            self._buffer = bytearray()

    def rest(self, *, wake: str | None = None) -> Entry[Checkpoint]:
        """Make all that was added durable, a tail too short for a part in the checkpoint itself, and give that.

        ``wake``: until when the API wants not to be asked.
        """
        self._reached = replace(self._reached, profile=self._pour.profile.copy(), wake=wake)
        if self._reached.done and not self._reached.records:
            self._buffer += self._gzip.compress(b"")  # no records at all are still a valid gzip file
        self._buffer += self._gzip.flush()
        self._wait()
        if self._reached.pages == self._durable.pages and self._reached.done == self._durable.done and not wake:
            return self.entry
        if self._buffer and (self._durable.upload if self._reached.done else len(self._buffer) >= SMALLEST_PART):
            self._store(self._buffer, self._reached)
        else:
            if self._digest and self._reached.done:
                self._digest.update(self._buffer)
            upload, parts = self._durable.upload, self._durable.parts
            self._save(replace(self._reached, upload=upload, parts=parts, tail=bytes(self._buffer)))
        self._buffer = bytearray()
        return self.entry

    @property
    def entry(self) -> Entry[Checkpoint]:
        """The checkpoint that is stored now."""
        return Entry(self._durable, self._version)

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
        self._version = self._state.put(self._target.checkpoint, checkpoint, Matches(self._version)).version
        self._durable = checkpoint
