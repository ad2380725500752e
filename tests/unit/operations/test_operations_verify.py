import gzip
import hashlib
import zlib

import pytest

from brigade.codec import gunzip
from brigade.errors import InvalidData
from brigade.operations.object import Object
from brigade.operations.operation import NoArguments
from lambdas.batch_operations.operations.verify import count_lines, verify
from tests.unit.operations.operations_lake import Lake

LINES = b'{"a":1}\n[2]\n"three"\n'


def verified(key: str, content: bytes) -> str:
    lake = Lake()
    lake.objects[key] = content
    return verify(Object(lake, "lake", key), NoArguments())


def test_says_digest_bytes_and_lines() -> None:
    digest = hashlib.sha256(LINES).hexdigest()
    assert verified("a.bin", LINES) == f"sha256={digest} bytes={len(LINES)}"
    assert verified("a.jsonl", LINES) == f"sha256={digest} bytes={len(LINES)} lines=3"


def test_of_gzip_it_says_the_digest_of_what_is_stored_and_counts_what_is_inside() -> None:
    packed = gzip.compress(LINES) + gzip.compress(LINES)
    expected = f"sha256={hashlib.sha256(packed).hexdigest()} bytes={len(packed)}"
    assert verified("a.gz", packed) == expected
    assert verified("a.jsonl.gz", packed) == f"{expected} lines=6"


def test_a_last_line_needs_no_newline_and_an_empty_object_has_no_line() -> None:
    assert verified("a.jsonl", b"1\n2").endswith("lines=2")
    assert verified("a.jsonl", b"").endswith("bytes=0 lines=0")


@pytest.mark.parametrize("at", [0, 5, 12, -8, -5, -1])
def test_a_flipped_bit_in_gzip_is_found(at: int) -> None:
    packed = bytearray(gzip.compress(LINES * 10, mtime=0))
    packed[at] ^= 0x04
    if at == 5:  # the time stamp of the header: not content, and under no check
        assert verified("a.gz", bytes(packed))
        return
    with pytest.raises(InvalidData, match="gzip"):
        verified("a.gz", bytes(packed))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (gzip.compress(LINES, mtime=0)[:-1], "ends in the middle of a member"),
        (gzip.compress(LINES, mtime=0)[:9], "ends in the middle of a member"),
        (b"", "ends in the middle of a member, at byte 0"),
        (gzip.compress(LINES, mtime=0) + b"\0\0\0\0", "something that is not gzip follows"),
        (gzip.compress(LINES, mtime=0) + b"trailing", "something that is not gzip follows"),
        (LINES, "not sound gzip"),
        (zlib.compress(LINES), "not sound gzip"),
    ],
)
def test_unsound_gzip_is_named(content: bytes, said: str) -> None:
    with pytest.raises(InvalidData, match=said):
        verified("a.gz", content)


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"1\n\n2\n", 2),
        (b'{"a":1}\n{"a":', 2),
        (b"NaN\n", 1),
        (b"1 2\n", 1),
        (b'1\n"\xff"\n', 2),
        (b"[" * 100_000 + b"\n", 1),
        (b"\xef\xbb\xbf1\n", 1),
    ],
)
def test_a_line_that_is_not_json_is_named_by_its_number(content: bytes, line: int) -> None:
    with pytest.raises(InvalidData, match=f"line {line} is not JSON"):
        verified("a.jsonl", content)


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_pieces_may_break_anywhere(size: int) -> None:
    packed = gzip.compress(LINES) + gzip.compress(LINES)
    pieces = [packed[at : at + size] for at in range(0, len(packed), size)]
    assert count_lines(gunzip(pieces)) == 6


def test_a_bomb_is_unpacked_in_bounded_pieces() -> None:
    bomb = gzip.compress(b"0" * 50_000_000)
    assert max(len(piece) for piece in gunzip([bomb])) <= 1024 * 1024


def test_a_line_without_end_is_refused_before_it_fills_the_memory() -> None:
    endless = (b"1" * 1024 * 1024 for _ in range(10_000))
    with pytest.raises(InvalidData, match="line 1 is longer than 64 MiB"):
        count_lines(endless)
