"""From page to page as the API leads, with guards that fail loudly rather than end early."""

import hashlib
import time
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from isal import isal_zlib
from msgspec import Struct
from msgspec.structs import replace

from brigade.declarations.path import parse_path
from brigade.errors import InvalidData
from brigade.ingest.checkpoint import Checkpoint
from brigade.ingest.credentials import without_credentials
from brigade.ingest.decode import decode, pieces
from brigade.ingest.feed import Feed
from brigade.ingest.fetch import Reply
from brigade.jsonl import Page
from brigade.jsonl.page import deepest_level, explain_absence


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
    seen: tuple[str, ...] = ()
    mark: int = 0
    total: int | None = None
    met: tuple[str, ...] = ()
    """The declared paths and headers that some page had so far."""
    columns: tuple[str, ...] = ()
    """Those of the header line of the first page."""
    fetched: bool = True
    """False: there is no page here, only the end."""


_NO_PAGE = Page(b"", [], "")


class _Answer(Struct, frozen=True):
    count: int
    reached: int
    values: Mapping[str, Any]
    headers: Mapping[str, str]
    url: str
    base: str


def walk(source: Feed, api: Asks, start: Checkpoint) -> Iterator[Step]:
    """Give the pages behind ``start`` in order.

    Memory: one page. Fails with InvalidData, naming the page: more than ``source.page_limit`` pages, a cursor met
    before (A → A as well as A → B → A), the same page twice running, a total that changes or that the records do not
    make, no record for ``source.stall_s``, a page that is not what the source declares, an end that is only the absence
    of a path or header that no page of the run had.
    """
    try:
        yield from _single(source, api) if source.single else _paged(source, api, start)
    finally:
        api.close()


def _paged(source: Feed, api: Asks, start: Checkpoint) -> Iterator[Step]:
    last, progress = _begun(start), time.monotonic()
    number, reached = start.pages, start.profile.records
    while True:
        number += 1
        place = f"page {number} ({api.address(last.next)})"
        reply = api.page(last.next)
        if reply.ignored:
            _check_reached(place, last.total, reached)
            yield replace(last, page=Page(b"", [], place), next=None, done=True, fetched=False)
            return
        page = decode(source, reply, place, columns=last.columns)
        reached += len(page.records)
        if page.records:
            progress = time.monotonic()
        elif time.monotonic() - progress > source.stall_s:
            raise InvalidData(f"{place}: no record came for {source.stall_s:.0f} s: the API goes nowhere")
        answer = _Answer(len(page.records), reached, page.values, reply.headers, reply.url, reply.base or reply.url)
        last = _step(source, last, page, answer, number)
        del reply, answer, page  # the next is fetched only when this one's bytes are free
        yield last
        if last.done:
            return
        last = replace(last, page=_NO_PAGE)


def _begun(start: Checkpoint) -> Step:
    """Return where a checkpoint is, as the step before the first page."""
    return Step(
        page=_NO_PAGE,
        next=start.next,
        done=False,
        seen=start.seen,
        mark=start.mark,
        total=start.total,
        met=start.met,
        columns=start.columns,
    )


def _step(source: Feed, last: Step, page: Page, answer: _Answer, number: int) -> Step:
    """Return the step of a page behind the `last`, with every guard passed."""
    mark = isal_zlib.crc32(page.data)
    if mark == last.mark and page.records:
        raise InvalidData(f"{page.place}: it is the same as the page before, byte for byte")
    total, met = _total(source, page, last.total), _met(source, page, answer, last.met)
    try:
        following = source.following(last.next, answer)
        if following is None:
            _complete(source, page, total, answer.reached)
            _said(source, page, answer, met)
    except InvalidData as error:
        raise error if str(error).startswith(page.place) else InvalidData(f"{page.place}: {error}") from None
    seen = last.seen
    if following is not None:
        following = without_credentials(following, getattr(source, "authentication", None), page.place)
        seen = _guarded(source, following, seen, number, page.place)
    columns = last.columns or page.columns
    return Step(page, following, following is None, seen, mark, total, met, columns)


def _met(source: Feed, page: Page, answer: _Answer, before: tuple[str, ...]) -> tuple[str, ...]:
    header = source.pagination.next_header
    met = {*before, *page.found, *([f"header {header}"] if header and header in answer.headers else [])}
    return tuple(sorted(met))


def _said(source: Feed, page: Page, answer: _Answer, met: tuple[str, ...]) -> None:
    """Fail if the end is only the absence of what no page of the run had: a wrong name has the same effect."""
    pagination = source.pagination
    at, header = pagination.next_path, pagination.next_header
    over = pagination.over(answer)
    for path in source.values:
        is_next = path == at
        if path in met or (is_next and (over or (pagination.may_be_absent and _may_end(page, path)))):
            continue
        hint = '; absent="end" declares that the API leaves it out on an only page' if is_next else ""
        raise InvalidData(f"{page.place}: no page had {path!r}: {explain_absence(page.data, path)}{hint}")
    if header and f"header {header}" not in met and not (over or pagination.may_be_absent):
        raise InvalidData(
            f"{page.place}: no page had the header {header}; it has {', '.join(sorted(answer.headers)) or 'no headers'}"
            '; absent="end" declares that the API leaves it out on an only page'
        )


def _may_end(page: Page, path: str) -> bool:
    steps = parse_path(path)
    return not page.records or len(deepest_level(page.data, steps)[0]) == len(steps) - 1


def _single(source: Feed, api: Asks) -> Iterator[Step]:
    blocks, reply = api.stream(None)
    if not reply.ignored:
        for page in pieces(source, blocks, reply, f"the answer ({api.address(None)})"):
            yield Step(page, None, False)
    yield Step(Page(b"", [], "the end"), None, True, fetched=False)


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


def _check_reached(place: str, total: int | None, reached: int) -> None:
    if total is not None and total != reached:
        raise InvalidData(f"{place}: it is the last, and {reached} records came of the {total} that the API says")


def _complete(source: Feed, page: Page, total: int | None, reached: int) -> None:
    _check_reached(page.place, total, reached)
    more = source.pagination.more
    if more and page.values[more]:
        raise InvalidData(f"{page.place}: {more} says that there is more, but not where")
