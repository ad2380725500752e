"""From page to page as the API leads, with guards that fail loudly rather than end early."""

import hashlib
import time
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from isal import isal_zlib
from msgspec import Struct

from brigade.errors import InvalidData
from brigade.ingest.checkpoint import Checkpoint
from brigade.ingest.credentials import without_credentials
from brigade.ingest.decode import decode, pieces
from brigade.ingest.feed import Feed
from brigade.ingest.fetch import Reply
from brigade.jsonl import Page


class Asks(Protocol):
    """What a walk needs of an API."""

    def page(self, cursor: str | None) -> Reply:
        """Give the page at this cursor."""

    def stream(self, cursor: str | None) -> tuple[Iterator[bytes], Reply]:
        """Give an answer of any size in blocks."""

    def address(self, cursor: str | None) -> str:
        """Give what errors call the page."""

    def close(self) -> None:
        """End what is under way; the next page begins it anew."""


class Reads(Asks, Protocol):
    """What a run needs of an API, with what it asked so far."""

    requests: int
    retries: int
    waited_s: float
    bytes_in: int


class Step(Struct, frozen=True):
    """A page, and what a checkpoint must know to go on behind it."""

    page: Page
    next: str | None
    done: bool
    seen: tuple[str, ...]
    mark: int
    total: int | None


class _Answer(Struct, frozen=True):
    count: int
    reached: int
    values: Mapping[str, Any]
    headers: Mapping[str, str]
    url: str


def walk(source: Feed, api: Asks, start: Checkpoint) -> Iterator[Step]:
    """Give the pages behind ``start`` in order.

    Memory: one page. Fails with InvalidData, naming the page: more than ``source.page_limit`` pages, a cursor met
    before (A → A as well as A → B → A), the same page twice running, a total that changes or that the records do not
    make, no record for ``source.stall_s``, a page that is not what the source declares.
    """
    try:
        yield from _single(source, api) if source.single else _paged(source, api, start)
    finally:
        api.close()


def _paged(source: Feed, api: Asks, start: Checkpoint) -> Iterator[Step]:
    cursor, seen, mark, total, number = start.next, start.seen, start.mark, start.total, start.pages
    reached, progress = start.profile.records, time.monotonic()
    while True:
        number += 1
        place = f"page {number} ({api.address(cursor)})"
        reply = api.page(cursor)
        if reply.ignored:
            yield Step(Page(b"", [], place), None, True, seen, mark, total)
            return
        page = decode(source, reply.body, place)
        reached += len(page.records)
        if page.records:
            progress = time.monotonic()
        elif time.monotonic() - progress > source.stall_s:
            raise InvalidData(f"{place}: no record came for {source.stall_s:.0f} s: the API goes nowhere")
        fresh = isal_zlib.crc32(page.data)
        if fresh == mark and page.records:
            raise InvalidData(f"{place}: it is the same as the page before, byte for byte")
        mark, total = fresh, _total(source, page, total)
        answer = _Answer(len(page.records), reached, page.values, reply.headers, reply.url)
        following = source.following(cursor, answer)
        if following is not None:
            following = without_credentials(following, getattr(source, "authentication", None), place)
            seen = _guarded(source, following, seen, number, place)
        else:
            _complete(source, page, total, reached)
        del reply, answer
        yield Step(page, following, following is None, seen, mark, total)
        if following is None:
            return
        cursor = following
        del page  # the next is fetched only when this one's bytes are free


def _single(source: Feed, api: Asks) -> Iterator[Step]:
    blocks, reply = api.stream(None)
    if not reply.ignored:
        for page in pieces(source, blocks, f"the answer ({api.address(None)})"):
            yield Step(page, None, False, (), 0, None)
    yield Step(Page(b"", [], "the end"), None, True, (), 0, None)


def _guarded(source: Feed, following: str, seen: tuple[str, ...], number: int, place: str) -> tuple[str, ...]:
    digest = hashlib.sha256(following.encode()).hexdigest()[:16]
    if digest in seen:
        raise InvalidData(f"{place}: the token of the next page was met before: the API goes in a circle")
    if number >= source.page_limit:
        raise InvalidData(
            f"{place}: the limit of {source.page_limit} pages is reached and there are more; "
            "raise page_limit of the source if that is right"
        )
    return (*seen, digest)


def _total(source: Feed, page: Page, before: int | None) -> int | None:
    path = source.pagination.total
    said = page.values[path] if path else None
    if said is None:
        return before
    if isinstance(said, bool) or not isinstance(said, int):
        raise InvalidData(f"{page.place}: the total at {path} is {said!r}; it must be a whole number")
    if before is not None and said != before:
        raise InvalidData(f"{page.place}: the total was {before} and is {said} now: the data changes while it is read")
    return said


def _complete(source: Feed, page: Page, total: int | None, reached: int) -> None:
    if total is not None and total != reached:
        raise InvalidData(f"{page.place}: it is the last, and {reached} records came of the {total} that the API says")
    more = source.pagination.more
    if more and page.values[more]:
        raise InvalidData(f"{page.place}: {more} says that there is more, but not where")
