"""The bytes of an object are compared with S3's stored checksum before the last block is yielded."""

import base64
import hashlib
from typing import Any

import pytest

from brigade.errors import InvalidData
from brigade.pipe.read import ObjectReader
from brigade.s3 import Location
from tests.unit.pipe.memory import Lenient

MIB = 2**20
BODY = bytes(range(256)) * (5 * MIB // 512)
"""Two blocks of 1 MiB, and a half."""


def carried(kind: str, body: bytes) -> dict[str, Any]:
    """Return what S3 stores of `body`."""
    parts = [hashlib.md5(body[at : at + MIB], usedforsecurity=False).digest() for at in range(0, len(body), MIB)]
    whole = hashlib.md5(b"".join(parts), usedforsecurity=False).hexdigest()
    return {
        "SHA-256": {"ChecksumSHA256": base64.b64encode(hashlib.sha256(body).digest()).decode()},
        "MD5": {"etag": f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'},
        "MD5 of parts": {"etag": f'"{whole}-{len(parts)}"'},
    }[kind]


class WithParts(Lenient):
    """It tells the sizes of parts of 1 MiB."""

    def head_object(self, *, PartNumber: int = 0, **arguments: Any) -> Any:  # noqa: N803 - S3's name
        found = super().head_object(**arguments)
        left = found["ContentLength"] - (PartNumber - 1) * MIB
        return {**found, "ContentLength": min(MIB, left)} if PartNumber else found


@pytest.mark.parametrize("kind", ["SHA-256", "MD5", "MD5 of parts"])
@pytest.mark.parametrize("damaged", [False, True])
def test_the_last_block_comes_only_if_all_bytes_are_those_that_s3_stores(kind: str, damaged: bool) -> None:
    client: Any = WithParts()
    client.put("k", BODY, **carried(kind, BODY[:-1] + b"?" if damaged else BODY))
    blocks = ObjectReader.open(client, Location("bucket", "k"), memory=58 * MIB).blocks()
    if not damaged:
        assert b"".join(blocks) == BODY
        return
    read: list[int] = []
    with pytest.raises(InvalidData, match=f"differ from the bytes that S3 received: {kind.replace('-256', '256')} "):
        read.extend(map(len, blocks))
    assert sum(read) == 2 * MIB
