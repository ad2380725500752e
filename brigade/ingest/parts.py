"""One object: members that become parts of one upload, or, when they are few, one PutObject."""

import hashlib
from typing import Any

from brigade.codec import open_compressor
from brigade.ingest.checkpoint import Checkpoint
from brigade.ingest.digests import Digests, Running, chained
from brigade.ingest.feed import Feed
from brigade.ingest.target import Target
from brigade.s3.client_type import S3Client
from brigade.s3.multipart import SMALLEST_PART, Upload, part_size


class Parts:
    """Lines to members to parts, on page boundaries.

    A part has ``part_bytes`` and at most a page more, compressed. Memory: the part that is being filled.
    """

    def __init__(self, s3: S3Client, target: Target, source: Feed, begun: Checkpoint, part_bytes: int) -> None:
        self.unnamed: Upload | None = None
        """An upload that no checkpoint names yet."""
        self._s3, self._target, self._source, self._part_bytes = s3, target, source, part_bytes
        self._packer = open_compressor(source.compression, source.level)
        self._buffer = bytearray(begun.tail)
        self._write, self._run = begun.write, begun.lease.holder or ""
        self._number = len(begun.parts) + 1
        # No other process can go on with a SHA-256: a tail is hashed again, of parts the published object is.
        self._running = None if begun.parts else Running().take(source.compression, [begun.tail])
        if self._running and not begun.done:
            self._running.packed = hashlib.sha256()  # the tail is stored again, with what comes behind it

    def add(self, lines: bytes, place: str) -> None:
        """Take lines of a page."""
        if self._running:
            self._running.plain.update(lines)
        self._buffer += self._packer.compress(lines)

    @property
    def full(self) -> bool:
        """Whether there is enough for a part."""
        return len(self._buffer) >= part_size(self._number, self._part_bytes)

    def take(self, *, last: bool = False) -> bytearray:
        """End the member, and give the bytes that ``store`` shall store; ``last``: they are the object's end."""
        if last and not self._buffer and self._number == 1:
            self._buffer += self._packer.compress(b"")  # no records at all are still a valid file
        self._buffer += self._packer.flush()
        body, self._buffer = self._buffer, bytearray()
        self._number += 1
        return body

    def store(self, body: bytearray, durable: Checkpoint, *, last: bool = False) -> dict[str, Any]:
        """Make the bytes durable behind those of ``durable``, and give the members of the checkpoint that say so.

        Too few for a part are a tail in the checkpoint itself. Fails with NotFound when S3 has dropped the upload.
        """
        parts, digest = durable.parts, durable.digest
        is_part = body and (durable.upload if last else len(body) >= SMALLEST_PART)
        if self._running and (is_part or last):
            self._running.packed.update(body)
        if not is_part:
            return {"upload": durable.upload, "parts": parts, "digest": digest, "tail": bytes(body)}
        upload = self._upload(durable)
        part = upload.part(len(parts) + 1, body)
        return {"upload": upload.id, "parts": (*parts, part), "digest": chained(digest, body), "tail": b""}

    @property
    def digests(self) -> Digests | None:
        """The digests of all bytes that were stored, or None when an earlier process stored parts of them."""
        return self._running.digests if self._running else None

    def _upload(self, durable: Checkpoint) -> Upload:
        lake, key = self._target.lake, self._target.key
        if durable.upload:
            return Upload(self._s3, lake, key, durable.upload, self._write)
        self.unnamed = Upload.create(
            self._s3,
            lake,
            key,
            content_type=content_type(self._source),
            token=self._write,
            metadata=metadata(self._target, self._run),
        )
        return self.unnamed


RUN, RECORDS, PLAIN, RECEIPT = "brigade-run", "brigade-records", "brigade-sha256", "brigade-receipt"


def metadata(target: Target, run: str, records: int | None = None, plain: str | None = None) -> dict[str, str]:
    """Give the metadata of an object: who wrote it, where its receipt is, and, where they are known when it is begun,
    how many records it has and the SHA-256 of its lines.

    S3 takes the metadata of a multipart upload with CreateMultipartUpload, before its first part, and changes it only
    by a copy of the whole object, which would be a second version of what is published once: there, these two are in
    the receipt (https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html).
    """
    known = {RUN: run, RECEIPT: f"s3://{target.state}/{target.receipt}"}
    if records is not None:
        known[RECORDS] = str(records)
    return known if plain is None else {**known, PLAIN: plain}


def content_type(source: Feed) -> str:
    """Give the content type of what the source writes."""
    return f"application/{source.compression}"
