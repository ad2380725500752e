"""From the bytes of an answer to records: JSON, JSON Lines or CSV; whole, or piece by piece when it is of any size."""

import re
from collections.abc import Iterator

import msgspec

from brigade.errors import InvalidData
from brigade.ingest.csv_format import Csv
from brigade.ingest.csv_rows import read_csv
from brigade.ingest.feed import Feed
from brigade.ingest.fetch import Reply
from brigade.jsonl import Page, split_page
from brigade.jsonl.array import LARGEST_RECORD, split_array
from brigade.jsonl.members import check_once
from brigade.jsonl.page import check_utf8

_RAW = msgspec.json.Decoder(msgspec.Raw)
_ERRORS = ("error", "errors", "fault")
"""Members that an API's error has, as a rule."""


def decode(source: Feed, reply: Reply, place: str, *, columns: tuple[str, ...] = ()) -> Page:
    """Return the records of a whole answer.

    Args:
        columns: Those of the first page of the run, if the source is CSV and this is a later page.

    Raises:
        InvalidData: The answer is not what the source declares. The line names the place.
    """
    body = reply.body
    if source.format == "json":
        page = split_page(body, records=source.records, values=source.values, place=place)
        _check_graphql(source, body, place)
        return page
    if source.format == "jsonl":
        page = _of_lines(body, place)
        _check_lines(source, reply, page)
        return page
    pages = [*_tables(source, iter([bytes(body)]), reply, place, columns)]
    return Page(body, [record for page in pages for record in page.records], place, columns=pages[-1].columns)


def pieces(source: Feed, blocks: Iterator[bytes], reply: Reply, place: str) -> Iterator[Page]:
    """Yield the records of an answer of any size in pages of about 1 MiB, as its blocks come.

    Memory: two blocks, and the widest record, 64 MiB at most.

    Args:
        reply: What came with the answer; its body is in `blocks`.

    Raises:
        InvalidData: As `decode`, once the place is reached.
    """
    if source.format == "jsonl":
        rest, is_first = bytearray(), True
        for block in blocks:
            rest += block
            end = rest.rfind(b"\n") + 1
            _check_width(len(rest) - end, place)
            if end:
                page = _of_lines(rest[:end], place)
                if is_first:
                    _check_lines(source, reply, page)
                is_first = False
                yield page
                del rest[:end]
        page = _of_lines(rest, place)
        if is_first:
            _check_lines(source, reply, page)
        yield page
    elif source.format == "json":
        for array in split_array(blocks, source.records, place):
            yield split_page(array, records="", place=place)
    else:
        yield from _tables(source, blocks, reply, place, ())


def _tables(
    source: Feed, blocks: Iterator[bytes], reply: Reply, place: str, columns: tuple[str, ...]
) -> Iterator[Page]:
    """Yield the rows of a CSV answer, which must have the columns that the source changes."""
    declared = source.format if isinstance(source.format, Csv) else Csv()
    wanted = source.change.named if source.change else ()
    for page in read_csv(declared, blocks, reply.headers, place, columns=columns):
        absent = [name for name in wanted if name not in page.columns]
        if absent:
            raise InvalidData(f"{place}: there is no column {absent[0]!r}, which the change of the source names")
        yield page


def _of_lines(body: bytes | bytearray, place: str) -> Page:
    check_utf8(body, place)
    try:
        return Page(body, _RAW.decode_lines(body), place)
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidData(f"{place}: a line is no JSON: {error}") from error


def _check_lines(source: Feed, reply: Reply, page: Page) -> None:
    """Refuse an error in JSON with status 200: it looks like one record of JSON Lines.

    A source with a contract says itself what a record is.

    Args:
        page: The first records of the answer.

    Source: https://www.rfc-editor.org/rfc/rfc9457 for application/problem+json.
    """
    kind = reply.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind == "application/problem+json":
        raise InvalidData(f"{page.place}: the answer is {kind} by its Content-Type, not JSON Lines")
    if source.contract is None and len(page.records) == 1 and re.fullmatch(r"application/([\w.-]+\+)?json", kind):
        found = [name for name in _ERRORS if _has_value(bytes(memoryview(page.records[0])), name, page.place)]
        if found:
            raise InvalidData(
                f"{page.place}: the answer is {kind} with {found[0]!r} in its only record, so it looks like an error; "
                "if it is a record, declare a contract"
            )


def _check_graphql(source: Feed, body: bytes | bytearray, place: str) -> None:
    """Refuse an answer to a GraphQL query with errors: the data beside the errors is incomplete.

    Source: https://spec.graphql.org/October2021/#sec-Errors
    """
    asked = getattr(source, "body", None) or {}
    if isinstance(asked.get("query"), str) and b'"errors"' in body and _has_value(body, "errors", place):
        raise InvalidData(f"{place}: the answer to the GraphQL query has errors, so its data is not whole")


def _has_value(text: bytes | bytearray, name: str, place: str) -> bool:
    """Return whether an object has a member, once, that is neither null, false nor empty."""
    check_once(text, [(name,)], place)
    try:
        value = msgspec.json.decode(text, type=dict[str, msgspec.Raw]).get(name)
    except msgspec.DecodeError:
        return False
    return value is not None and bytes(memoryview(value)) not in (b"null", b"false", b'""', b"[]", b"{}", b"0")


def _check_width(size: int, place: str) -> None:
    if size > LARGEST_RECORD:
        raise InvalidData(f"{place}: a record is wider than {LARGEST_RECORD} bytes")
