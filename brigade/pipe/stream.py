"""From addresses to streams of bytes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from brigade.errors import NotFound, UsageError
from brigade.pipe.read import MEMORY, Reading, Span
from brigade.s3.location import Location


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What of an object is wanted and how: see the options of ``brigade pipe from``."""

    span: Span | None = None
    version_id: str | None = None
    first: bool = False
    unproved: bool = False
    memory: int | None = None
    threads: int = 6
    follow: bool = False
    dead_after: float = 60.0


def streams(
    client: Any, uris: Sequence[str], wish: Wish, *, prefix: bool = False
) -> Iterator[tuple[str, Iterator[memoryview]]]:
    """Give the name and the bytes of each object named, in order; with ``prefix`` of every object that starts so.

    An address that is no object but holds segments is read as one stream. Fails with NotFound where there is neither,
    and for a prefix without objects.
    """
    for location in map(Location.parse, uris):
        found = False
        for each in _expanded(client, location) if prefix else [location]:
            found = True
            yield str(each), _blocks(client, each, wish)
        if not found:
            raise NotFound(f"no object starts with {location}")


def _blocks(client: Any, location: Location, wish: Wish) -> Iterator[memoryview]:
    if not wish.follow:
        try:
            reading = Reading.open(
                client, location, version_id=wish.version_id, memory=wish.memory or MEMORY, threads=wish.threads
            )
        except NotFound:
            from brigade.pipe.segments.manifest import exists

            if wish.version_id or not exists(client, location):
                raise
        else:
            return reading.blocks(wish.span, first=wish.first, unproved=wish.unproved)
    from brigade.pipe.segments.read import followed

    ignored = {"--offset, --length or --tail": wish.span, "--verify-first": wish.first, "--unproved": wish.unproved}
    for option in filter(ignored.get, ignored):
        raise UsageError(f"{location} is held in segments, each proved and given in turn: leave {option} out")
    return followed(
        client,
        location,
        memory=wish.memory,
        threads=wish.threads,
        follow=wish.follow,
        dead_after=wish.dead_after,
    )


def _expanded(client: Any, location: Location) -> Iterator[Location]:
    from brigade.s3.listing import list_keys

    for key in list_keys(client, location.bucket, location.key):
        yield Location(location.bucket, key)
