"""Iterate over the pages of a source. Its checks raise an error; they never end the iteration early."""

import hashlib
import time
from collections.abc import Iterator, Mapping
from typing import Any

from isal import isal_zlib
from msgspec import Struct
from msgspec.structs import replace

from brigade.declarations.path import parse_path
from brigade.errors import InvalidData
from brigade.ingest.declare.source import BaseSource
from brigade.ingest.read.credentials import remove_credentials
from brigade.ingest.read.decode import decode_page, decode_stream
from brigade.ingest.read.reader import PageReader
from brigade.ingest.state.checkpoint import Checkpoint
from brigade.jsonl import Page
from brigade.jsonl.page import deepest_level, explain_absence


class PageResult(Struct, frozen=True):
    """A page, and the state with which a checkpoint continues after it.

    Attributes:
        page: The page.
        next: The cursor of the next page; None at the end.
        done: Whether the page is the last.
        seen: Digests of all cursors so far.
        mark: The checksum of the page.
        total: The number of records that the API reported.
        met: The declared paths and headers that some page had so far.
        columns: The columns of the first CSV page.
        fetched: False if there is no page, only the end.
    """

    page: Page
    next: str | None
    done: bool
    seen: tuple[str, ...] = ()
    mark: int = 0
    total: int | None = None
    met: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    fetched: bool = True


_NO_PAGE = Page(b"", [], "")


class _PageInfo(Struct, frozen=True):
    count: int
    reached: int
    values: Mapping[str, Any]
    headers: Mapping[str, str]
    url: str
    base: str


def read_pages(source: BaseSource, api: PageReader, start: Checkpoint) -> Iterator[PageResult]:
    """Yield the pages after the checkpoint `start` in order. Memory: one page.

    Raises:
        InvalidData: The message names the page. There are more than `page_limit` pages, a cursor repeats (A → A, or
            A → B → A), a page is equal to the one before, the total changes or is not the number of records, no record
            came for `stall_s` seconds, a page is not in the declared format, or the end is only the absence of a path
            or header that no page of the run had.
    """
    try:
        yield from _read_single(source, api) if source.single else _read_paged(source, api, start)
    finally:
        api.close()


def _read_paged(source: BaseSource, api: PageReader, start: Checkpoint) -> Iterator[PageResult]:
    last, progress = _resume(start), time.monotonic()
    number, reached = start.pages, start.profile.records
    while True:
        number += 1
        place = f"page {number} ({api.address(last.next)})"
        reply = api.page(last.next)
        if reply.ignored:
            _check_reached(place, last.total, reached)
            yield replace(last, page=Page(b"", [], place), next=None, done=True, fetched=False)
            return
        page = decode_page(source, reply, place, columns=last.columns)
        reached += len(page.records)
        if page.records:
            progress = time.monotonic()
        elif time.monotonic() - progress > source.stall_s:
            raise InvalidData(
                f"{place}: only empty pages for {source.stall_s:.0f} s: check the pagination, or raise stall_s"
            )
        answer = _PageInfo(len(page.records), reached, page.values, reply.headers, reply.url, reply.base or reply.url)
        last = _check_page(source, last, page, answer, number)
        del reply, answer, page  # frees the bytes of this page before the next is fetched
        yield last
        if last.done:
            return
        last = replace(last, page=_NO_PAGE)


def _resume(start: Checkpoint) -> PageResult:
    """Return the state of a checkpoint, without a page."""
    return PageResult(
        page=_NO_PAGE,
        next=start.next,
        done=False,
        seen=start.seen,
        mark=start.mark,
        total=start.total,
        met=start.met,
        columns=start.columns,
    )


def _check_page(source: BaseSource, last: PageResult, page: Page, answer: _PageInfo, number: int) -> PageResult:
    """Check a page, and return it with the state after it."""
    mark = isal_zlib.crc32(page.data)
    if mark == last.mark and page.records:
        raise InvalidData(f"{page.place}: it is the same as the page before, byte for byte")
    total, met = _check_total(source, page, last.total), _merge_met(source, page, answer, last.met)
    try:
        next_cursor = source.next_cursor(last.next, answer)
        if next_cursor is None:
            _check_complete(source, page, total, answer.reached)
            _check_end(source, page, answer, met)
    except InvalidData as error:
        raise error if str(error).startswith(page.place) else InvalidData(f"{page.place}: {error}") from None
    seen = last.seen
    if next_cursor is not None:
        next_cursor = remove_credentials(next_cursor, getattr(source, "authentication", None), page.place)
        seen = _check_cursor(source, next_cursor, seen, number, page.place)
    columns = last.columns or page.columns
    return PageResult(page, next_cursor, next_cursor is None, seen, mark, total, met, columns)


def _merge_met(source: BaseSource, page: Page, answer: _PageInfo, before: tuple[str, ...]) -> tuple[str, ...]:
    header = source.pagination.next_header
    met = {*before, *page.found, *([f"header {header}"] if header and header in answer.headers else [])}
    return tuple(sorted(met))


def _check_end(source: BaseSource, page: Page, answer: _PageInfo, met: tuple[str, ...]) -> None:
    """Raise InvalidData if the end is only the absence of a name that no page had: a wrong name looks the same."""
    pagination = source.pagination
    at, header = pagination.next_path, pagination.next_header
    over = pagination.is_last(answer)
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


def _read_single(source: BaseSource, api: PageReader) -> Iterator[PageResult]:
    blocks, reply = api.stream(None)
    if not reply.ignored:
        for page in decode_stream(source, blocks, reply, f"the answer ({api.address(None)})"):
            yield PageResult(page, None, False)
    yield PageResult(Page(b"", [], "the end"), None, True, fetched=False)


def _check_cursor(
    source: BaseSource, next_cursor: str, seen: tuple[str, ...], number: int, place: str
) -> tuple[str, ...]:
    digest = hashlib.sha256(next_cursor.encode()).hexdigest()[:16]
    if digest in seen:
        raise InvalidData(f"{place}: the API returned the token of an earlier page again: check the pagination")
    if number >= source.page_limit:
        raise InvalidData(
            f"{place}: the limit of {source.page_limit} pages is reached and there are more; "
            "raise page_limit of the source if that is right"
        )
    return (*seen, digest)


def _check_total(source: BaseSource, page: Page, before: int | None) -> int | None:
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
        raise InvalidData(f"{place}: the last page ends at {reached} records, but the API reports {total}")


def _check_complete(source: BaseSource, page: Page, total: int | None, reached: int) -> None:
    _check_reached(page.place, total, reached)
    more = source.pagination.more
    if more and page.values[more]:
        raise InvalidData(f"{page.place}: {more} states that there are more pages, but the next position is missing")
