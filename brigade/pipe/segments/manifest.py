"""`PATH/.manifest`, the progress of a writer of segments: the format of s3pipe2 0.1, with a heartbeat.

An INI file with one section. s3pipe2 reads `num_segments`, `total_size` and `completed`, and ignores the other options:
`heartbeat`, a number that grows while the writer is alive; `failed`, the reason of a failure; and `segment_bytes`,
which is exact, while `segment_size` has s3pipe2's unit of 1,000,000 bytes.
"""

import configparser
import io
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from brigade.errors import InvalidData
from brigade.s3.client_type import S3Client
from brigade.s3.location import Location
from brigade.s3.objects import get, head

_SECTION = "s3pipe2"
_LIMIT = 1024 * 1024
_MEGABYTE = 10**6


@dataclass(frozen=True)
class SegmentManifest:
    """The progress of an upload.

    Attributes:
        segment_size: Bytes of each segment but the last.
        segments: Segments 1 to this number are stored.
        total: Bytes of all of them.
        failed: The reason of a failure.
        heartbeat: Grows while the writer is alive.
    """

    segment_size: int
    began: str
    segments: int = 0
    total: int = 0
    completed: bool = False
    ended: str | None = None
    failed: str | None = None
    heartbeat: int | None = None

    def encode(self) -> bytes:
        """Return the manifest as an INI file that s3pipe2 can read."""
        options: dict[str, Any] = {
            "version": "0.1",
            "segment_size": -(-self.segment_size // _MEGABYTE),
            "segment_bytes": self.segment_size,
            "upload_began": self.began,
            "completed": "true" if self.completed else "false",
            "num_segments": self.segments,
            "total_size": self.total,
            "upload_ended": self.ended,
            "failed": " ".join(self.failed.split()) if self.failed else None,
            "heartbeat": self.heartbeat,
        }
        parser = configparser.RawConfigParser()
        parser[_SECTION] = {name: str(value) for name, value in options.items() if value is not None}
        text = io.StringIO()
        parser.write(text)
        return text.getvalue().encode()


def key(path: Location) -> str:
    """Return the key of the manifest of `path`."""
    return f"{path.key.rstrip('/')}/.manifest"


def segment_key(path: Location, number: int) -> str:
    """Return the key of segment `number`, from 1. It has fifteen digits, so that names sort in order."""
    return f"{path.key.rstrip('/')}/{number:015d}"


def now() -> str:
    """Return the current time as s3pipe2 writes it."""
    return datetime.now(UTC).replace(tzinfo=None).isoformat()


def exists(client: S3Client, path: Location) -> bool:
    """Return whether there is a manifest."""
    return head(client, path.bucket, key(path)) is not None


def read(client: S3Client, path: Location) -> tuple[SegmentManifest, str] | None:
    """Return the manifest and its ETag; None if there is none.

    Raises:
        InvalidData: It is not a manifest of s3pipe2.
    """
    got = get(client, path.bucket, key(path), limit=_LIMIT)
    if got is None:
        return None
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(got.body.decode())
        options = parser[_SECTION]
        completed = bool(options.getboolean("completed"))
        absent = {} if completed else {"num_segments": "0", "total_size": "0"}  # a completed manifest must have them
        counts = {**absent, **options}
        size = options.get("segment_bytes") or str(_count(options["segment_size"]) * _MEGABYTE)
        return (
            SegmentManifest(
                segment_size=_count(size),
                began=options.get("upload_began", ""),
                segments=_count(counts["num_segments"]),
                total=_count(counts["total_size"]),
                completed=completed,
                ended=options.get("upload_ended"),
                failed=options.get("failed"),
                heartbeat=options.getint("heartbeat") if "heartbeat" in options else None,
            ),
            got.etag,
        )
    except (configparser.Error, KeyError, ValueError) as error:
        where = f"s3://{path.bucket}/{key(path)}"
        raise InvalidData(f"{where} is not a manifest of segments: {' '.join(str(error).split())}") from error


def _count(text: str) -> int:
    count = int(text)
    if count < 0:
        raise ValueError(f"{text} is less than 0")
    return count
