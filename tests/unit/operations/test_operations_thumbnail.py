import io
import struct
import zlib
from typing import Any

import pytest
from PIL import Image

from brigade.errors import InvalidData
from brigade.operations.object import Object
from lambdas.batch_operations.operations.thumbnail import Arguments, thumbnail
from tests.unit.operations.operations_lake import Lake


def picture(form: str = "png", mode: str = "RGB", size: tuple[int, int] = (400, 200), **options: Any) -> bytes:
    image = Image.new(mode, size)
    image.paste(Image.linear_gradient("L").resize(size).convert(mode), (0, 0))
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def made(content: bytes, **arguments: Any) -> tuple[Image.Image, str, Lake]:
    lake = Lake()
    lake.objects["photographs/a b.png"] = content
    text = thumbnail(Object(lake, "lake", "photographs/a b.png"), Arguments(**arguments))
    (key,) = set(lake.objects) - {"photographs/a b.png"}
    return Image.open(io.BytesIO(lake.objects[key])), text, lake


@pytest.mark.parametrize(("form", "ending"), [("jpeg", "jpg"), ("png", "png"), ("webp", "webp")])
def test_writes_a_small_picture_in_the_format_asked(form: str, ending: str) -> None:
    small, text, lake = made(picture(), size=64, format=form)
    key = f"thumbnails/photographs/a b.png.{ending}"
    assert (small.size, small.format) == ((64, 32), form.upper())
    assert text == f"wrote 64x32, {len(lake.objects[key])} bytes: {key}"
    assert lake.types[key] == f"image/{form}"


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16"])
@pytest.mark.parametrize("form", ["jpeg", "png", "webp"])
def test_every_kind_of_pixel(mode: str, form: str) -> None:
    assert made(picture(mode=mode), size=64, format=form)[0].size == (64, 32)


def test_sixteen_bits_are_scaled_and_not_cut_to_white() -> None:
    image = Image.new("I;16", (100, 100), 0x4000)
    out = io.BytesIO()
    image.save(out, "png")
    assert made(out.getvalue(), size=16, format="png")[0].convert("L").getpixel((8, 8)) == 0x40


def test_cmyk_and_a_moving_picture() -> None:
    assert made(picture("jpeg", "CMYK"), size=64)[0].mode == "RGB"
    frames = [Image.new("P", (50, 50), colour) for colour in (1, 2)]
    out = io.BytesIO()
    frames[0].save(out, "gif", save_all=True, append_images=frames[1:])
    assert made(out.getvalue(), size=16)[0].size == (16, 16)


def test_transparency_becomes_paper_in_jpeg_and_stays_in_png() -> None:
    clear = io.BytesIO()
    Image.new("RGBA", (100, 100), (255, 0, 0, 0)).save(clear, "png")
    assert made(clear.getvalue(), size=16)[0].getpixel((8, 8)) == (255, 255, 255)
    assert made(clear.getvalue(), size=16, format="png")[0].mode == "RGBA"


@pytest.mark.parametrize("form", ["jpeg", "png", "tiff"])
def test_is_turned_as_its_exif_says(form: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    assert made(picture(form, exif=exif), size=64)[0].size == (32, 64)


def test_a_small_picture_keeps_its_size_and_twice_gives_the_same_bytes() -> None:
    content = picture(size=(20, 10))
    small, _, first = made(content)
    assert small.size == (20, 10)
    assert made(content)[2].objects == first.objects


@pytest.mark.parametrize("form", ["png", "jpeg", "gif", "webp", "bmp", "tiff"])
@pytest.mark.parametrize("part", [0.3, 0.6, 0.95])
def test_a_picture_cut_short_writes_nothing(form: str, part: float) -> None:
    image = Image.effect_noise((200, 200), 80)
    out = io.BytesIO()
    image.save(out, form)
    whole = out.getvalue()
    lake = Lake(k=whole[: int(len(whole) * part)])
    with pytest.raises(Exception):  # noqa: B017, PT011 - Pillow's decoders raise what they like; it must be something
        thumbnail(Object(lake, "lake", "k"), Arguments())
    assert set(lake.objects) == {"k"}


@pytest.mark.parametrize("content", [b"", b"hello", b"\x89PNG\r\n\x1a\n", b"GIF89a", bytes(1000)])
def test_what_is_no_picture_is_said_so(content: bytes) -> None:
    with pytest.raises(InvalidData, match="no picture"):
        made(content)


def _declared(width: int, height: int) -> bytes:
    """A PNG of a few bytes that says it is as large as you like."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [7_200, 10_000, 30_000, 100_000])
def test_a_bomb_is_refused_before_it_is_decoded(side: int) -> None:
    with pytest.raises((InvalidData, Image.DecompressionBombWarning, Image.DecompressionBombError)):
        made(_declared(side, side))
