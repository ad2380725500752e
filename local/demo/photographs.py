"""Tiles of real photographs, under keys that break other tools. Three of them are broken on purpose."""

import io
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from PIL import Image

PREFIX = "photographs/"
_GRID = 6
_PHOTOGRAPHS = (
    "skimage/data/astronaut.png",
    "skimage/data/chelsea.png",
    "skimage/data/coffee.png",
    "skimage/data/hubble_deep_field.jpg",
    "skimage/data/ihc.png",
    "skimage/data/motorcycle_left.png",
    "skimage/data/rocket.jpg",
    "sklearn/datasets/images/china.jpg",
    "sklearn/datasets/images/flower.jpg",
)
# Keys as people write them. Each has broken something: shells, CSV, URLs, SQL, terminals.
_NAMES = (
    "plain-{n}",
    "with space {n}",
    "one+one {n}",
    "100% {n}",
    "a=b&c=d {n}",
    'quoted "{n}"',
    "it's {n}",
    "comma, then {n}",
    "two\nlines {n}",
    "bucket 🪣 {n}",
    "東京タワー {n}",
    "Привет {n}",
    "café ümlaut {n}",
    "%2Fnot-a-slash {n}",
    "tab\tand~tilde* {n}",
)


class Tile(NamedTuple):
    """An object to load: its key, its valid bytes, and the broken bytes that it has at first, or None."""

    key: str
    sound: bytes
    broken: bytes | None


def tiles(packages: Path) -> Iterator[Tile]:
    """Return 324 tiles of the photographs in two wheels of `packages`, with the same keys and bytes every time."""
    made = 0
    for photograph in _PHOTOGRAPHS:
        with Image.open(packages / photograph) as image:
            whole = image.convert("RGB")
        width, height = whole.width // _GRID, whole.height // _GRID
        for n in range(_GRID * _GRID):
            left, top = n % _GRID * width, n // _GRID * height
            sound = _jpeg(whole.crop((left, top, left + width, top + height)))
            name = _NAMES[made % len(_NAMES)].format(n=n)
            yield Tile(f"{PREFIX}{Path(photograph).stem}/{name}.jpg", sound, _broken(made, sound))
            made += 1


def _jpeg(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=88)
    return buffer.getvalue()


def _broken(number: int, sound: bytes) -> bytes | None:
    """Break three tiles: a truncated upload, a page under the name of an image, and an image of four gigapixels."""
    if number == 40:
        return sound[: len(sound) // 3]
    if number == 130:
        return b"<html><body>Sorry, your session has expired.</body></html>\n"
    if number == 211:
        return _bomb()
    return None


def _bomb() -> bytes:
    """Return a decompression bomb: a few hundred bytes whose header claims 65,000 x 65,000 pixels."""
    buffer = io.BytesIO()
    Image.new("1", (8, 8)).save(buffer, "PNG")
    body = bytearray(buffer.getvalue())
    header = struct.pack(">II", 65_000, 65_000) + bytes(body[24:29])
    body[16:29] = header
    body[29:33] = struct.pack(">I", zlib.crc32(b"IHDR" + header))
    return bytes(body)
