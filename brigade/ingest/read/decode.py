"""Decode records from a response in JSON, JSON Lines or CSV, as a whole or as a stream."""

import re
from collections.abc import Iterator

import msgspec

from brigade.errors import InvalidData
from brigade.ingest.declare.csv_format import Csv
from brigade.ingest.declare.request import Response
from brigade.ingest.declare.source import BaseSource
from brigade.jsonl import Page, split_page
from brigade.jsonl.array import LARGEST_RECORD, split_array
from brigade.jsonl.members import check_once
from brigade.jsonl.page import check_utf8

_RAW = msgspec.json.Decoder(msgspec.Raw)
_ERRORS = ("error", "errors", "fault")
"""Members that errors of APIs usually have."""


def decode_page(source: BaseSource, reply: Response, place: str, *, columns: tuple[str, ...] = ()) -> Page:
    """Return the records of a whole response.

    Args:
        columns: Those of the first page of the run, if the source is CSV and this is a later page.

    Raises:
        InvalidData: The response is not in the declared format. The message names the place.
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


def decode_stream(source: BaseSource, blocks: Iterator[bytes], reply: Response, place: str) -> Iterator[Page]:
    """Yield the records of a response of any size in pages of about 1 MiB, as its blocks arrive.

    Memory: two blocks, and the widest record, 64 MiB at most.

    Args:
        reply: The response without its body, which is in `blocks`.

    Raises:
        InvalidData: As in `decode_page`, when the place is reached.
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
    source: BaseSource, blocks: Iterator[bytes], reply: Response, place: str, columns: tuple[str, ...]
) -> Iterator[Page]:
    """Yield the rows of a CSV response. It must have the columns that the source transforms."""
    from brigade.ingest.read.csv_rows import read_csv  # 2 ms, which a cold start without CSV does not need

    declared = source.format if isinstance(source.format, Csv) else Csv()
    wanted = source.transform.named if source.transform else ()
    for page in read_csv(declared, blocks, reply.headers, place, columns=columns):
        absent = [name for name in wanted if name not in page.columns]
        if absent:
            raise InvalidData(f"{place}: there is no column {absent[0]!r}, which transform of the source names")
        yield page


def _of_lines(body: bytes | bytearray, place: str) -> Page:
    check_utf8(body, place)
    try:
        return Page(body, _RAW.decode_lines(body), place)
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidData(f"{place}: a line is no JSON: {error}") from error


def _check_lines(source: BaseSource, reply: Response, page: Page) -> None:
    """Raise InvalidData for an error in JSON with status 200: it looks like one record of JSON Lines.

    A source with a contract is not checked: its contract decides.

    Args:
        page: The first records of the response.

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


def _check_graphql(source: BaseSource, body: bytes | bytearray, place: str) -> None:
    """Raise InvalidData for a GraphQL response with errors: its data is incomplete.

    Source: https://spec.graphql.org/October2021/#sec-Errors
    """
    asked = getattr(source, "body", None) or {}
    if isinstance(asked.get("query"), str) and b'"errors"' in body and _has_value(body, "errors", place):
        raise InvalidData(f"{place}: the answer to the GraphQL query has errors, so its data is not whole")


def _has_value(text: bytes | bytearray, name: str, place: str) -> bool:
    """Return whether an object has a member that is neither null, false nor empty. Raise if it has it twice."""
    check_once(text, [(name,)], place)
    try:
        value = msgspec.json.decode(text, type=dict[str, msgspec.Raw]).get(name)
    except msgspec.DecodeError:
        return False
    return value is not None and bytes(memoryview(value)) not in (b"null", b"false", b'""', b"[]", b"{}", b"0")


def _check_width(size: int, place: str) -> None:
    if size > LARGEST_RECORD:
        raise InvalidData(f"{place}: a record is wider than {LARGEST_RECORD} bytes")
