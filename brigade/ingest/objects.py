"""From staged members to several published objects, each whole and once."""

from collections.abc import Iterator
from typing import Any, TypeAlias

from msgspec.structs import replace

from brigade.codec import open_compressor
from brigade.ingest.checkpoint import Checkpoint, Published, Share
from brigade.ingest.digests import Running
from brigade.ingest.feed import Feed
from brigade.ingest.parts import content_type, metadata
from brigade.ingest.target import Target
from brigade.s3 import Absent, Matches, Writer
from brigade.s3.client_type import S3Client
from brigade.s3.objects import put
from brigade.s3.read import read_range
from brigade.state import Entry, State

_SMALL = 8 * 1024 * 1024


Puts: TypeAlias = S3Client


def publish_next(s3: Puts, source: Feed, target: Target, entry: Entry[Checkpoint]) -> Entry[Checkpoint] | None:
    """Publish the next object of a checkpoint that is done, and say so in the checkpoint: if its key is absent, or, of
    a run that replaces, has still the ETag that was read when that began. A former object that the run has nothing for
    gives way to one without records.

    Gives the checkpoint as it is then, None when all are published. May be repeated wherever another process was
    killed: an object that this run wrote is known by its token. Memory: 32 MiB and the largest stage.

    Fails with ConditionLost when something else has the key or another run the checkpoint, NotFound when a stage is
    gone.
    """
    done = entry.value
    there = {published.key for published in done.published}
    days = sorted((day, int(number)) for day, number in (name.split("/") for name in done.shares))
    wanted = {target.object(day, number): f"{day}/{number}" for day, number in days}
    for key in dict.fromkeys((*wanted, *(done.former if done.replaces else ()))):
        if key not in there:
            published = _publish(s3, source, target, done, wanted.get(key), key)
            changed = replace(done, published=(*done.published, published))
            return State(s3, target.state).put(target.checkpoint, changed, Matches(entry.version))
    return None


def _publish(s3: Puts, source: Feed, target: Target, done: Checkpoint, name: str | None, key: str) -> Published:
    nothing = open_compressor(source.compression, source.level)
    empty = nothing.compress(b"") + nothing.flush()
    share = done.shares[name] if name else Share(bytes=len(empty))
    blocks, running = _members(s3, target, done, name) if name else iter([empty]), Running()
    how: dict[str, Any] = {
        "condition": Matches(done.former[key]) if done.replaces and key in done.former else Absent(),
        "content_type": content_type(source),
        "token": done.write,
    }
    holder = done.lease.holder or ""
    if share.bytes <= _SMALL:
        body = b"".join(blocks)
        plain = running.take(source.compression, [body]).digests.plain
        written = put(s3, target.lake, key, body, metadata=metadata(target, holder, share.records, plain), **how)
    else:
        known = metadata(target, holder, share.records)
        with Writer(s3, target.lake, key, metadata=known, threads=1, **how) as writer:
            running.take(source.compression, _written(writer, blocks))
        written = writer.written
    return Published(
        key=key,
        etag=written.etag,
        version_id=written.version_id,
        records=share.records,
        bytes=share.bytes,
        plain_bytes=share.plain_bytes,
        sha256=running.digests.packed,
        plain_sha256=running.digests.plain,
    )


def _members(s3: Puts, target: Target, done: Checkpoint, name: str) -> Iterator[bytes]:
    """Give the members of an object out of the stages, in order."""
    for stage in done.stages:
        start = 0
        for other, length in stage.lengths.items():
            if other == name:
                buffer = bytearray(length)
                read_range(s3, target.state, stage.key, start, memoryview(buffer), etag=stage.etag)
                yield bytes(buffer)
                break
            start += length


def _written(writer: Writer, blocks: Iterator[bytes]) -> Iterator[bytes]:
    for block in blocks:
        writer.write(block)
        yield block


def sweep(s3: S3Client, target: Target, write: str = "") -> None:
    """Delete what the run with this token staged, or all runs of the date; what is published does not need it."""
    state = State(s3, target.state)
    for key in list(state.list(target.stages + write)):
        state.delete(key)
