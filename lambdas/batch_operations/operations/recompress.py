"""Recompress: gzip to Zstandard, or back."""

import hashlib
import zlib
from collections.abc import Iterable, Iterator
from typing import Any, Literal

import msgspec

from brigade.codec import gunzip, unzstd
from brigade.errors import ConditionLost, InvalidData, NotFound
from brigade.operations import Object, Operation
from brigade.s3 import Absent

_LEVEL = 6
_FORMS = {".gz": ("application/gzip", gunzip), ".zst": ("application/zstd", unzstd)}


class Arguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The arguments: the new format, and whether the original is kept."""

    to: Literal["zst", "gz"] = "zst"
    keep: bool = False


def recompress(source: Object, arguments: Arguments) -> str:
    """Write `a.gz` as `a.zst` (or the other way) with its metadata and tags, verify it, then delete the original.

    The new object is written only if there is none, read back whole, and must decompress to the same bytes. The
    original is deleted only after that, only if it is unchanged and the new object has its metadata and tags, and not
    with `keep`. A run that was stopped at any point is continued by the next one. Memory: 50 MiB at any size.

    Raises:
        InvalidData: The key has another ending, the object is damaged, or another version is current by now.
        ConditionLost: The new key holds another object.
    """
    ending = ".gz" if arguments.to == "zst" else ".zst"
    if not source.key.endswith(ending):
        raise InvalidData(f"the key does not end in {ending}, so there is nothing to do")
    target = source.at(source.key.removesuffix(ending) + "." + arguments.to)
    try:
        before = source.head.size
    except NotFound:
        if not arguments.keep and source.made_key(target.key):
            return f"made already, and the original is deleted: {target.key}"
        raise
    source.must_be_current()
    content_type, unpack = _FORMS["." + arguments.to]
    plain = _Digest()
    content = plain.over(_FORMS[ending][1](source.stream()))
    if source.has_made(target.key):
        for _ in content:
            pass
    else:
        with source.writer(target.key, content_type=content_type, condition=Absent(), tags=source.tags) as writer:
            for piece in _packed(content, arguments.to):
                writer.write(piece)
    again = _Digest()
    for _ in again.over(unpack(target.stream())):
        pass
    if again.digest.digest() != plain.digest.digest():
        raise InvalidData(f"{target.key} does not unpack to the same bytes; the original stays")
    if not arguments.keep:
        if source.labels != target.labels:
            raise ConditionLost(f"{target.key} has other metadata or tags by now; the original stays")
        source.delete()
    return f"{before} to {target.head.size} bytes, sha256={plain.digest.hexdigest()} inside: {target.key}"


class _Digest:
    def __init__(self) -> None:
        self.digest = hashlib.sha256()

    def over(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            self.digest.update(piece)
            yield piece


def _packed(pieces: Iterable[bytes], form: str) -> Iterator[bytes]:
    packer = _packer(form)
    for piece in pieces:
        yield packer.compress(piece)
    yield packer.flush()


def _packer(form: str) -> Any:
    if form == "gz":
        return zlib.compressobj(_LEVEL, wbits=31)
    from backports.zstd import CompressionParameter, ZstdCompressor

    return ZstdCompressor(
        options={CompressionParameter.compression_level: _LEVEL, CompressionParameter.checksum_flag: 1}
    )


OPERATION = Operation(
    run=recompress,
    arguments=Arguments,
    summary="Change gzip to Zstandard or back; the original is deleted once the new one is proved.",
    memory_mib=512,
    timeout_s=900,
    price="rewrite",
    reads=("*.gz", "*.zst"),
    writes=("*.gz", "*.zst"),
    deletes=("*.gz", "*.zst"),
    tags=True,
)
