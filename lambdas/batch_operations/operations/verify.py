"""Verify: reads an object whole and checks that it is sound."""

import hashlib
import io
from collections.abc import Iterable, Iterator

import msgspec

from brigade.codec import gunzip
from brigade.errors import InvalidData
from brigade.operations import NoArguments, Object, Operation
from brigade.operations.parquet import check_parquet

_PIECE = 1024 * 1024
_LINE_MIB = 64
_PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".tif", ".tiff")
_PICTURE_MIB = 64
_PIXELS = 50_000_000


def verify(source: Object, arguments: NoArguments) -> str:
    """Read all of `source` and return `sha256=… bytes=…`, and `lines=…` for JSON Lines.

    A key that ends in `.gz` must be sound gzip (CRC and length of each member, nothing after the last one). `.jsonl`
    and `.jsonl.gz` must have one JSON value per line, a line at most 64 MiB. `.parquet` must pass `check_parquet`.
    Every pixel of a picture (`.jpg`, `.png` …, 64 MiB, 50 million pixels) must be readable. Memory: two pieces of 1 MiB
    and a line, at any size and compression ratio; for Parquet the footer and a page, for a picture its pixels.

    Raises:
        InvalidData: The object is damaged. The message names the place.
    """
    digest = _Digest()
    content: Iterable[bytes] = digest.over(source.stream(_PIECE))
    if source.key.endswith(".gz"):
        content = gunzip(content)
    found = ""
    if source.key.endswith(".parquet"):
        table = check_parquet(source.seekable(), source.head.size)
        found = f" rows={table.rows} pages={table.pages}"
    elif source.key.lower().endswith(_PICTURES):
        found = " pixels={}x{}".format(*picture_size(source))
    if source.key.removesuffix(".gz").endswith(".jsonl"):
        found = f" lines={count_lines(content)}"
    else:
        for _ in content:
            pass
    return f"sha256={digest.sha256.hexdigest()} bytes={digest.size}{found}"


def picture_size(source: Object) -> tuple[int, int]:
    """Decode a picture and return its width and height. Raises InvalidData if it is damaged."""
    from PIL import Image  # loads slower than all the rest: only where there is a picture

    try:
        with Image.open(io.BytesIO(source.read(_PICTURE_MIB))) as picture:
            if picture.width * picture.height > _PIXELS:
                raise InvalidData(f"{picture.width}x{picture.height} pixels; at most {_PIXELS} are decoded")
            picture.load()
            return picture.size
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombWarning) as error:
        raise InvalidData(f"not a sound picture: {error}") from None


class _Digest:
    def __init__(self) -> None:
        self.sha256 = hashlib.sha256()
        self.size = 0

    def over(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            self.sha256.update(piece)
            self.size += len(piece)
            yield piece


def count_lines(pieces: Iterable[bytes]) -> int:
    """Return the number of lines, each of which must be JSON. A last line needs no newline. Raises InvalidData."""
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
    summary="Read an object whole: SHA-256, and soundness of gzip, JSON Lines, pictures and Parquet by the key's end.",
    memory_mib=512,
    timeout_s=900,
    reads=("*",),
)
