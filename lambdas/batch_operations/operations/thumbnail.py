"""Thumbnail: makes a small picture of a picture."""

import io
import warnings
from typing import Annotated, Literal

import msgspec
from PIL import Image, ImageOps, UnidentifiedImageError

from brigade.errors import InvalidData
from brigade.operations import Object, Operation

_SOURCE_MIB = 64
_PIXELS = 50_000_000
_TYPES = {"jpeg": "jpg", "png": "png", "webp": "webp"}


class Arguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The arguments: size and format."""

    size: Annotated[int, msgspec.Meta(ge=16, le=2048)] = 256
    """The longer side in pixels; a smaller picture keeps its size."""
    format: Literal["jpeg", "png", "webp"] = "jpeg"


def thumbnail(source: Object, arguments: Arguments) -> str:
    """Write the first frame of `source`, turned by its EXIF orientation, to `thumbnails/<key>.<jpg|png|webp>`.

    Idempotent: the same object and arguments write the same bytes to the same key.

    Raises:
        InvalidData: The source is over 64 MiB or 50 million pixels (checked before it is decoded), or is no picture.
        OSError: Pillow cannot decode the picture.
    """
    picture = shrink(source.read(_SOURCE_MIB), arguments)
    target = f"thumbnails/{source.key}.{_TYPES[arguments.format]}"
    packed = io.BytesIO()
    picture.save(packed, arguments.format.upper())
    content = packed.getvalue()
    source.write(target, content, content_type=f"image/{arguments.format}")
    return f"wrote {picture.width}x{picture.height}, {len(content)} bytes: {target}"


def shrink(content: bytes, arguments: Arguments) -> Image.Image:
    """Decode and reduce a picture; memory is bounded by 50 million pixels of 4 bytes, and less for JPEG."""
    with warnings.catch_warnings():
        # Pillow warns of a bomb from its own limit on and fails only at twice that; here the first is an error too.
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            picture: Image.Image = Image.open(io.BytesIO(content))
        except UnidentifiedImageError:
            raise InvalidData(f"no picture of a format that Pillow reads ({len(content)} bytes)") from None
    if picture.width * picture.height > _PIXELS:
        raise InvalidData(f"{picture.width}x{picture.height} pixels; at most {_PIXELS} are decoded")
    if picture.mode.startswith("I;16"):
        picture = picture.point(lambda value: value * (1 / 256)).convert("L")
    mode = "RGBA" if picture.has_transparency_data else "RGB"
    picture.draft(mode, (arguments.size, arguments.size))
    reduced = picture if picture.mode == mode else picture.convert(mode)
    reduced.thumbnail((arguments.size, arguments.size))
    reduced = ImageOps.exif_transpose(reduced)
    if arguments.format == "jpeg" and reduced.mode == "RGBA":
        paper = Image.new("RGBA", reduced.size, "white")
        paper.alpha_composite(reduced)
        reduced = paper.convert("RGB")
    return reduced


OPERATION = Operation(
    run=thumbnail,
    arguments=Arguments,
    summary="Write a small copy of a picture to thumbnails/.",
    memory_mib=1024,
    timeout_s=60,
    price="write",
    reads=("photographs/*",),
    writes=("thumbnails/*",),
)
