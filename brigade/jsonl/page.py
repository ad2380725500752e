"""One answer of an API, split into records without building objects of them."""

import codecs
from dataclasses import dataclass
from typing import Any

import msgspec

from brigade.errors import InvalidData

_BLOCK = 1024 * 1024


@dataclass(frozen=True)
class Page:
    """An answer's bytes, the records in them (views, not copies), and the token of the next page, None at the end.

    ``place`` names the page in errors.
    """

    data: bytes | bytearray
    records: list[msgspec.Raw]
    token: str | None
    place: str


def split(data: bytes | bytearray, *, records: str, token: str | None, place: str) -> Page:
    """Split an answer into its records, each checked to be well-formed JSON in valid UTF-8.

    Arguments: ``records`` and ``token``, where they are in the answer: names with dots between, ``""`` for the answer
    itself; ``place``, what errors call the page. Memory: the answer, and 8 bytes or so a record.

    Fails with InvalidData, naming the place: not UTF-8, not JSON (NaN and Infinity are not), no array of records there,
    a token that is neither text nor a whole number.
    """
    _check_utf8(data, place)
    answer = _decode(data, msgspec.Raw, place)
    array = _at(answer, records, place)
    if array is None:
        raise InvalidData(f"{place}: it has no records at {records!r}; it starts with {_start(data)}")
    found = _decode(array, list[msgspec.Raw], f"{place}, {records or 'answer'}")
    return Page(data, found, _token(answer, token, place) if token else None, place)


def _token(answer: msgspec.Raw, path: str, place: str) -> str | None:
    raw = _at(answer, path, place)
    token = None if raw is None else _decode(raw, str | int | None, f"{place}, {path}")
    return None if token is None or token == "" else str(token)


def _at(answer: msgspec.Raw, path: str, place: str) -> msgspec.Raw | None:
    """Give what is at the dotted path, or None."""
    here = answer
    for name in path.split(".") if path else ():
        members = _decode(here, dict[str, msgspec.Raw], place)
        if name not in members:
            return None
        here = members[name]
    return here


def _decode(raw: bytes | bytearray | msgspec.Raw, kind: Any, place: str) -> Any:
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidData(f"{place}: {error}; it starts with {_start(raw)}") from error


def _check_utf8(data: bytes | bytearray, place: str) -> None:
    # msgspec does not look into strings that it skips, and a page is megabytes: most are ASCII, and the rest is decoded
    # in blocks, so that no second copy of it is made.
    if data.isascii():
        return
    decoder = codecs.getincrementaldecoder("utf-8")()
    view = memoryview(data)
    for start in range(0, len(data), _BLOCK):
        pending = len(decoder.getstate()[0])
        try:
            decoder.decode(view[start : start + _BLOCK], start + _BLOCK >= len(data))
        except UnicodeDecodeError as error:
            at = start - pending + error.start
            raise InvalidData(f"{place}: byte {at} is not UTF-8 ({error.reason})") from error


def _start(data: bytes | bytearray | msgspec.Raw) -> str:
    return repr(bytes(memoryview(data)[:60]).decode(errors="replace"))
