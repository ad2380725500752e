"""``PATH/.manifest``: what s3pipe2 0.1 writes and reads, and beside it the sign of life that it lacks.

An INI file with one section. s3pipe2 reads ``num_segments``, ``total_size`` and ``completed`` and passes over what it
does not know: ``heartbeat``, a number that grows while the writer lives, ``failed``, why there will be no more, and
``segment_bytes``, beside ``segment_size`` in s3pipe2's unit, which is 1,000,000 bytes.
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
class Manifest:
    """How far an upload has come: segments 1 to ``segments`` are there, ``total`` bytes in all.

    ``segment_size`` is the bytes of each segment but the last.
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
        """Write it as s3pipe2 reads it."""
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
    """Give the key of the manifest of ``path``."""
    return f"{path.key.rstrip('/')}/.manifest"


def segment(path: Location, number: int) -> str:
    """Give the key of segment ``number``, from 1: fifteen digits, so that ``cat 0*`` has them in order."""
    return f"{path.key.rstrip('/')}/{number:015d}"


def now() -> str:
    """Give the time as s3pipe2 writes it."""
    return datetime.now(UTC).replace(tzinfo=None).isoformat()


def exists(client: S3Client, path: Location) -> bool:
    """Say whether there is a manifest."""
    return head(client, path.bucket, key(path)) is not None


def read(client: S3Client, path: Location) -> tuple[Manifest, str] | None:
    """Give the manifest and its ETag, or None if there is none; InvalidData when it is none of s3pipe2's."""
    got = get(client, path.bucket, key(path), limit=_LIMIT)
    if got is None:
        return None
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(got.body.decode())
        options = parser[_SECTION]
        completed = bool(options.getboolean("completed"))
        absent = {} if completed else {"num_segments": "0", "total_size": "0"}  # the end says how much there is
        counts = {**absent, **options}
        size = options.get("segment_bytes") or str(_count(options["segment_size"]) * _MEGABYTE)
        return (
            Manifest(
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
