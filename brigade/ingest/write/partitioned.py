"""A date of several objects: compressed members are staged in S3, then each object is published whole and once."""

import re
from collections.abc import Collection, Iterator
from typing import Any

import msgspec
from msgspec.structs import replace as replace_fields

from brigade import layout
from brigade.codec import open_compressor
from brigade.ingest.declare.source import BaseSource, Objects
from brigade.ingest.declare.target import Target
from brigade.ingest.state.checkpoint import Checkpoint, ObjectCounts
from brigade.ingest.state.receipt import PublishedObject, Receipt
from brigade.ingest.state.run_result import RunResult, make_result
from brigade.ingest.write.digests import Digests, RunningDigests
from brigade.ingest.write.publish import content_type, discard_checkpoint, finish_publication, metadata
from brigade.ingest.write.staging import StageBuffer
from brigade.s3 import Absent, Matches, Writer
from brigade.s3.client_type import S3Client
from brigade.s3.listing import list_keys
from brigade.s3.objects import head, put
from brigade.s3.read import read_range
from brigade.state import Entry, State

_SMALL = 8 * 1024 * 1024


class PartitionedSink(msgspec.Struct, frozen=True):
    """Several objects a date. The version of all is the ETag of their receipt.

    Compressed members are staged in the state bucket until the last page is read. Then each object is published on its
    own: its write is conditional on its absence, or on the ETag of the object that it replaces.
    """

    s3: S3Client
    source: BaseSource
    target: Target
    layout: Objects

    @property
    def date_field(self) -> str | None:
        """The field of a record with the date that it belongs to; None: the date of the run."""
        return self.layout.date_field

    def open_buffer(self, begun: Checkpoint, part_bytes: int) -> StageBuffer:
        """Return the buffer that fills the staged objects."""
        return StageBuffer(self.s3, self.target, self.source, self.layout, begun, part_bytes)

    def already_published(
        self, entry: Entry[Checkpoint] | None, holder: str | None, *, replace: bool
    ) -> RunResult | None:
        """Return the result of the published objects; see `brigade.ingest.write.sink.Sink`."""
        receipt = State(self.s3, self.target.state).get(self.target.receipt, Receipt)
        if receipt is None or (replace and not _is_replaced(entry, receipt.value, holder)):
            return None
        if entry and entry.value.replaces != receipt.version and (entry.value.replaces or not entry.value.former):
            # Otherwise a run that replaces the objects is under way, or stopped halfway.
            discard_checkpoint(self.s3, self.target, entry)
        return make_result("already_published", self.target, receipt.value)

    def find_published(self, former: Collection[str]) -> tuple[str | None, tuple[str, ...]]:
        """Return the ETag of the receipt, and the keys of the objects to replace."""
        receipt = State(self.s3, self.target.state).get(self.target.receipt, Receipt)
        if receipt is None:
            return None, ()
        return receipt.version, tuple(dict.fromkeys((*(each.key for each in receipt.value.objects), *former)))

    def find_replay(self) -> str | None:
        """Return the key of an object with replayed records of the date: its name has the ETag of the quarantine."""
        target = self.target
        if head(self.s3, target.state, target.quarantine) is None:
            return None
        own, late = (
            re.escape(target.object_key(day).rpartition("/")[2].removesuffix(f".{target.suffix}"))
            for day in (target.date, "another")
        )
        name = re.compile(
            rf".*/{layout.DATE}({re.escape(target.date)}/{own}|[^/]*/{late})\.[0-9a-f]{{12}}\.{re.escape(target.suffix)}"
        )
        return next((key for key in list_keys(self.s3, target.lake, target.folder) if name.fullmatch(key)), None)

    def publish_next(self, entry: Entry[Checkpoint]) -> Entry[Checkpoint] | None:
        """Publish the next object of a checkpoint that is done, and store that in the checkpoint.

        A former object for which the run has no records is replaced by one without records. Any process may repeat it
        after a crash: an object of this run is known by its token. Memory: 32 MiB and the largest staged object.

        Returns:
            The stored checkpoint, or None if all objects are published.

        Raises:
            ConditionLost: Another writer has the key, or another run the checkpoint.
            NotFound: A staged object does not exist any more.
        """
        done = entry.value
        published = {each.key for each in done.published}
        days = sorted((day, int(number)) for day, number in (name.split("/") for name in done.shares))
        names = {self.target.object_key(day, number): f"{day}/{number}" for day, number in days}
        for key in dict.fromkeys((*names, *(done.former if done.replaces else ()))):
            if key not in published:
                made = self._publish_object(done, names.get(key), key)
                changed = replace_fields(done, published=(*done.published, made))
                state = State(self.s3, self.target.state)
                return state.put(self.target.checkpoint, changed, Matches(entry.version))
        return None

    def publish(self, entry: Entry[Checkpoint], digests: Digests | None) -> RunResult:
        """Write the receipt: the objects are published, each with digests of its own."""
        return finish_publication(self.s3, self.source, self.target, entry, None, None)

    def _publish_object(self, done: Checkpoint, name: str | None, key: str) -> PublishedObject:
        """Publish one object; without a name, one without records."""
        compressor = open_compressor(self.source.compression, self.source.level)
        empty = compressor.compress(b"") + compressor.flush()
        share = done.shares[name] if name else ObjectCounts(bytes=len(empty))
        blocks, running = self._members(done, name) if name else iter([empty]), RunningDigests()
        options: dict[str, Any] = {
            "condition": Matches(done.former[key]) if done.replaces and key in done.former else Absent(),
            "content_type": content_type(self.source),
            "token": done.write,
        }
        lake, holder = self.target.lake, done.lease.holder or ""
        if share.bytes <= _SMALL:
            body = b"".join(blocks)
            plain = running.update(self.source.compression, [body]).digests.plain
            known = metadata(self.target, holder, share.records, plain)
            written = put(self.s3, lake, key, body, metadata=known, **options)
        else:
            known = metadata(self.target, holder, share.records)
            with Writer(self.s3, lake, key, metadata=known, threads=1, **options) as writer:
                running.update(self.source.compression, _write_each(writer, blocks))
            written = writer.written
        return PublishedObject(
            key=key,
            etag=written.etag,
            version_id=written.version_id,
            records=share.records,
            bytes=share.bytes,
            plain_bytes=share.plain_bytes,
            sha256=running.digests.packed,
            plain_sha256=running.digests.plain,
        )

    def _members(self, done: Checkpoint, name: str) -> Iterator[bytes]:
        """Yield the members of an object from the staged objects, in order."""
        for stage in done.stages:
            start = 0
            for other, length in stage.lengths.items():
                if other == name:
                    buffer = bytearray(length)
                    read_range(self.s3, self.target.state, stage.key, start, memoryview(buffer), etag=stage.etag)
                    yield bytes(buffer)
                    break
                start += length


def _is_replaced(entry: Entry[Checkpoint] | None, receipt: Receipt, holder: str | None) -> bool:
    """Return whether the receipt is by this run already, which was killed before it could return that."""
    begun = entry.value.replaces if entry else None
    return bool((receipt.replaced is not None and holder in receipt.runs) or (begun and receipt.replaced == begun))


def _write_each(writer: Writer, blocks: Iterator[bytes]) -> Iterator[bytes]:
    for block in blocks:
        writer.write(block)
        yield block
