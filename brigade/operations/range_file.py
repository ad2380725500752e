"""An object as a seekable file, for readers that start at the end."""

import io
from typing import TYPE_CHECKING

from brigade.s3.read import read_range

if TYPE_CHECKING:
    from brigade.operations.object_properties import ObjectProperties
    from brigade.s3.client_type import S3Client


class RangeFile(io.RawIOBase):
    """The bytes of one version, read by ranges with If-Match: one GetObject per read. Memory: the bytes requested."""

    def __init__(self, s3: "S3Client", bucket: str, key: str, head: "ObjectProperties", version_id: str | None) -> None:
        super().__init__()
        self._s3, self._bucket, self._key, self._head, self._version_id = s3, bucket, key, head, version_id
        self._at = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Set the position, relative to the start, the current position or the end, and return it."""
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._head.size}[whence]
        return self._at

    def tell(self) -> int:
        """Return the position."""
        return self._at

    def readinto(self, buffer: object) -> int:
        """Read as many bytes as are left and fit; return their number."""
        room = memoryview(buffer)[: max(0, self._head.size - self._at)]  # type: ignore[arg-type]  # io gives it as an object
        if room:
            etag = f'"{self._head.etag}"'
            read_range(self._s3, self._bucket, self._key, self._at, room, etag=etag, version_id=self._version_id)
        self._at += len(room)
        return len(room)
