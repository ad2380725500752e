"""A date of one object: a multipart upload, or one PutObject if it is small."""

import hashlib
from collections.abc import Collection, Iterator
from typing import Any

import msgspec
from msgspec.structs import replace as replace_fields

from brigade.codec import open_compressor
from brigade.errors import InvalidData
from brigade.ingest.declare.source import BaseSource
from brigade.ingest.declare.target import Target
from brigade.ingest.state.checkpoint import Checkpoint
from brigade.ingest.state.receipt import Receipt
from brigade.ingest.state.run_result import RunResult, make_result
from brigade.ingest.write.digests import Digests, PartChain, RunningDigests, chain_digest
from brigade.ingest.write.publish import content_type, discard_checkpoint, finish_publication, metadata
from brigade.s3 import Absent, Matches
from brigade.s3.client_type import S3Client
from brigade.s3.conditions import TOKEN
from brigade.s3.listing import list_keys
from brigade.s3.multipart import SMALLEST_PART, Upload, part_size
from brigade.s3.objects import ObjectHead, WriteResult, head, put
from brigade.s3.read import stream_object
from brigade.state import Entry, State


class PartBuffer:
    """Compresses lines into the parts of one upload. Parts end with a page.

    A part has `part_bytes` and at most a page more, compressed. Memory: the part that is being filled.
    """

    def __init__(self, s3: S3Client, target: Target, source: BaseSource, begun: Checkpoint, part_bytes: int) -> None:
        self._unnamed: Upload | None = None
        self._s3, self._target, self._source, self._part_bytes = s3, target, source, part_bytes
        self._packer = open_compressor(source.compression, source.level)
        self._buffer = bytearray(begun.tail)
        self._write, self._run = begun.write, begun.lease.holder or ""
        self._number = len(begun.parts) + 1
        # Another process cannot continue a SHA-256. A tail is hashed again; for parts, the published object is read.
        self._running = None if begun.parts else RunningDigests().update(source.compression, [begun.tail])
        if self._running and not begun.done:
            self._running.packed = hashlib.sha256()  # the tail is stored again, with the bytes after it

    def add(self, lines: bytes, place: str) -> None:
        """Compress the lines of a page."""
        if self._running:
            self._running.plain.update(lines)
        self._buffer += self._packer.compress(lines)

    @property
    def full(self) -> bool:
        """True if the buffer holds a whole part."""
        return len(self._buffer) >= part_size(self._number, self._part_bytes)

    def take_chunk(self, *, last: bool = False) -> bytearray:
        """End the member, and return the bytes to store. `last`: they end the object."""
        if last and not self._buffer and self._number == 1:
            self._buffer += self._packer.compress(b"")  # an object without records is a valid file too
        self._buffer += self._packer.flush()
        body, self._buffer = self._buffer, bytearray()
        self._number += 1
        return body

    def store(self, body: bytearray, durable: Checkpoint, *, last: bool = False) -> dict[str, Any]:
        """Store the bytes after those of `durable`, and return the fields of the checkpoint that name them.

        Bytes that are too few for a part become the tail in the checkpoint.

        Raises:
            NotFound: S3 has aborted the upload.
        """
        parts, digest = durable.parts, durable.digest
        is_part = body and (durable.upload if last else len(body) >= SMALLEST_PART)
        if self._running and (is_part or last):
            self._running.packed.update(body)
        if not is_part:
            return {"upload": durable.upload, "parts": parts, "digest": digest, "tail": bytes(body)}
        upload = self._upload(durable)
        part = upload.part(len(parts) + 1, body)
        return {"upload": upload.id, "parts": (*parts, part), "digest": chain_digest(digest, body), "tail": b""}

    def commit(self) -> None:
        """Keep the upload: a durable checkpoint names it now."""
        self._unnamed = None

    def abort(self) -> None:
        """Abort the upload if no checkpoint names it."""
        if self._unnamed:
            self._unnamed.abort()

    @property
    def digests(self) -> Digests | None:
        """The digests of all stored bytes; None if an earlier process stored parts of them."""
        return self._running.digests if self._running else None

    def _upload(self, durable: Checkpoint) -> Upload:
        lake, key = self._target.lake, self._target.key
        if durable.upload:
            return Upload(self._s3, lake, key, durable.upload, self._write)
        self._unnamed = Upload.create(
            self._s3,
            lake,
            key,
            content_type=content_type(self._source),
            token=self._write,
            metadata=metadata(self._target, self._run),
        )
        return self._unnamed


class SingleObjectSink(msgspec.Struct, frozen=True):
    """One object a date. Its version is its ETag."""

    s3: S3Client
    source: BaseSource
    target: Target

    @property
    def date_field(self) -> None:
        """None: all records belong to the date of the run."""

    def open_buffer(self, begun: Checkpoint, part_bytes: int) -> PartBuffer:
        """Return the buffer that fills the parts of the upload."""
        return PartBuffer(self.s3, self.target, self.source, begun, part_bytes)

    def already_published(
        self, entry: Entry[Checkpoint] | None, holder: str | None, *, replace: bool
    ) -> RunResult | None:
        """Return the result of the published object; see `brigade.ingest.write.sink.Sink`."""
        found = head(self.s3, self.target.lake, self.target.key)
        if found is None or (replace and not self._is_replaced(entry, found, holder)):
            return None
        if entry and entry.value.done and found.metadata.get(TOKEN) == entry.value.write:
            return self._finish(entry, WriteResult(found.etag, found.version_id), None)
        if entry and entry.value.replaces != found.etag:  # otherwise a run that replaces the object is under way
            discard_checkpoint(self.s3, self.target, entry)
        receipt = State(self.s3, self.target.state).get(self.target.receipt, Receipt)
        if receipt and receipt.value.etag == found.etag:
            return make_result("already_published", self.target, receipt.value)
        return replace_fields(make_result("already_published", self.target, None), bytes=found.size)

    def find_published(self, former: Collection[str]) -> tuple[str | None, tuple[str, ...]]:
        """Return the ETag of the object."""
        found = head(self.s3, self.target.lake, self.target.key)
        return found.etag if found else None, ()

    def find_replay(self) -> str | None:
        """Return the key of another object in the folder of the date: only replays write some."""
        folder = self.target.key.rpartition("/")[0] + "/"
        return next((key for key in list_keys(self.s3, self.target.lake, folder) if key != self.target.key), None)

    def publish_next(self, entry: Entry[Checkpoint]) -> None:
        """Do nothing: `publish` publishes the only object."""

    def publish(self, entry: Entry[Checkpoint], digests: Digests | None) -> RunResult:
        """Complete the upload, or put the whole object, if its key is absent or holds the replaced ETag."""
        return self._finish(entry, self._write(entry.value, digests), digests)

    def _is_replaced(self, entry: Entry[Checkpoint] | None, found: ObjectHead, holder: str | None) -> bool:
        """Return whether the object is by this run already, which was killed before it could return that."""
        if entry and entry.value.done and found.metadata.get(TOKEN) == entry.value.write:
            return True
        receipt = State(self.s3, self.target.state).get(self.target.receipt, Receipt)
        return bool(receipt and receipt.value.etag == found.etag and holder in receipt.value.runs)

    def _write(self, done: Checkpoint, digests: Digests | None) -> WriteResult:
        condition = Matches(done.replaces) if done.replaces else Absent()
        if done.upload:
            upload = Upload(self.s3, self.target.lake, self.target.key, done.upload, done.write)
            return upload.complete(done.parts, condition)
        return put(
            self.s3,
            self.target.lake,
            self.target.key,
            done.tail,
            condition=condition,
            metadata=metadata(self.target, done.lease.holder or "", done.records, digests.plain if digests else None),
            content_type=content_type(self.source),
            token=done.write,
        )

    def _finish(self, entry: Entry[Checkpoint], written: WriteResult, digests: Digests | None) -> RunResult:
        known = digests or self._read_digests(entry.value, written)
        return finish_publication(self.s3, self.source, self.target, entry, written, known)

    def _read_digests(self, done: Checkpoint, written: WriteResult) -> Digests:
        """Read the published object, check that it is the parts of the checkpoint, and return its digests."""
        chain = PartChain(part.size for part in done.parts)

        def blocks() -> Iterator[bytes]:
            for block in stream_object(self.s3, self.target.lake, self.target.key, if_match=written.etag):
                chain.update(block)
                yield block

        digests = RunningDigests().update(self.source.compression, blocks()).digests
        if chain.value != done.digest:
            raise InvalidData(
                f"{self.target} does not hold the bytes that were sent to it; its receipt was not written"
            )
        return digests
