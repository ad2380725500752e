"""Open the objects at several addresses as streams of bytes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from brigade.errors import NotFound, UsageError
from brigade.pipe.read import MEMORY, ByteRange, ObjectReader
from brigade.s3.location import Location


@dataclass(frozen=True, kw_only=True)
class ReadOptions:
    """Options for reading objects, as in `brigade pipe from`."""

    span: ByteRange | None = None
    version_id: str | None = None
    first: bool = False
    unproved: bool = False
    memory: int | None = None
    threads: int = 6
    follow: bool = False
    dead_after: float = 60.0


def open_streams(
    client: Any, uris: Sequence[str], options: ReadOptions, *, prefix: bool = False
) -> Iterator[tuple[str, Iterator[memoryview]]]:
    """Iterate over the name and the bytes of each object, in order.

    An address without an object but with segments is read as one stream.

    Args:
        prefix: Whether to read every object whose key starts with the key of an address.

    Raises:
        NotFound: There is neither an object nor segments, or no object has the prefix.
    """
    for location in map(Location.parse, uris):
        found = False
        for each in _expanded(client, location) if prefix else [location]:
            found = True
            yield str(each), _blocks(client, each, options)
        if not found:
            raise NotFound(f"no object starts with {location}")


def _blocks(client: Any, location: Location, options: ReadOptions) -> Iterator[memoryview]:
    if not options.follow:
        try:
            reading = ObjectReader.open(
                client,
                location,
                version_id=options.version_id,
                memory=options.memory or MEMORY,
                threads=options.threads,
            )
        except NotFound:
            from brigade.pipe.segments.manifest import exists

            if options.version_id or not exists(client, location):
                raise
        else:
            return reading.blocks(options.span, first=options.first, unproved=options.unproved)
    from brigade.pipe.segments.read import follow_segments

    ignored = {
        "--offset, --length or --tail": options.span,
        "--verify-first": options.first,
        "--unproved": options.unproved,
    }
    for option in filter(ignored.get, ignored):
        raise UsageError(f"{location} is stored in segments, which are verified and read in order: leave {option} out")
    return follow_segments(
        client,
        location,
        memory=options.memory,
        threads=options.threads,
        follow=options.follow,
        dead_after=options.dead_after,
    )


def _expanded(client: Any, location: Location) -> Iterator[Location]:
    from brigade.s3.listing import list_keys

    for key in list_keys(client, location.bucket, location.key):
        yield Location(location.bucket, key)
