"""Verify: reads an object whole and says whether it is sound."""

import hashlib
import zlib
from collections.abc import Iterable, Iterator

import msgspec

from brigade.errors import InvalidData
from brigade.operations.object import Object
from brigade.operations.operation import NoArguments, Operation

_PIECE = 1024 * 1024
_LINE_MIB = 64


def verify(source: Object, arguments: NoArguments) -> str:
    """Read all of ``source`` and give ``sha256=… bytes=…``, and ``lines=…`` for JSON Lines.

    A key that ends in ``.gz`` must be sound gzip (every member's CRC and length, nothing after the last one); one that
    ends in ``.jsonl`` or ``.jsonl.gz`` must have one JSON value a line, a line at most 64 MiB. Fails with InvalidData
    naming the place. Memory: two pieces of 1 MiB and a line, whatever the object's size and however far it unpacks.
    """
    digest = _Digest()
    content: Iterable[bytes] = digest.over(source.stream(_PIECE))
    if source.key.endswith(".gz"):
        content = gunzip(content)
    found = ""
    if source.key.removesuffix(".gz").endswith(".jsonl"):
        found = f" lines={count_lines(content)}"
    else:
        for _ in content:
            pass
    return f"sha256={digest.sha256.hexdigest()} bytes={digest.size}{found}"


class _Digest:
    def __init__(self) -> None:
        self.sha256 = hashlib.sha256()
        self.size = 0

    def over(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            self.sha256.update(piece)
            self.size += len(piece)
            yield piece


def gunzip(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Unpack gzip of any number of members in pieces of at most 1 MiB; fails with InvalidData where it is not sound."""
    member, inside, members, at = zlib.decompressobj(wbits=31), False, 0, 0
    for piece in pieces:
        rest = piece
        while rest:
            inside = True
            try:
                yield member.decompress(rest, _PIECE)
            except zlib.error as error:
                what = "something that is not gzip follows" if members else "not sound gzip"
                raise InvalidData(f"{what}, near byte {at}, after {members} sound members: {error}") from None
            if member.eof:
                rest = member.unused_data
                member, inside, members = zlib.decompressobj(wbits=31), False, members + 1
            else:
                rest = member.unconsumed_tail
        at += len(piece)
    if inside or not members:
        raise InvalidData(f"gzip ends in the middle of a member, at byte {at}, after {members} sound members")


def count_lines(pieces: Iterable[bytes]) -> int:
    """Count lines, each of which must be JSON; a last line needs no newline. Fails with InvalidData naming the line."""
    lines, open_line = 0, b""
    for piece in pieces:
        *whole, rest = piece.split(b"\n")
        for end in whole:
            lines += 1
            _check(open_line + end, lines)
            open_line = b""
        open_line += rest
        if len(open_line) > _LINE_MIB * 1024 * 1024:
            raise InvalidData(f"line {lines + 1} is longer than {_LINE_MIB} MiB")
    if open_line:
        lines += 1
        _check(open_line, lines)
    return lines


def _check(line: bytes, number: int) -> None:
    try:
        msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidData(f"line {number} is not JSON: {error}") from None


OPERATION = Operation(
    run=verify,
    summary="Read an object whole: SHA-256, soundness of gzip (.gz) and of JSON Lines (.jsonl, .jsonl.gz).",
    memory_mib=512,
    timeout_s=900,
    reads=("*",),
)
