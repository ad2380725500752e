"""Uploads that were begun and not ended: what they hold, what that costs, and how to be rid of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from brigade.s3.location import Location
from brigade.s3.refusal import refused
from brigade.s3.upload import Upload

DOLLARS_A_GB_MONTH = 0.023  # S3 Standard, us-east-1, first 50 TB; parts are billed in the class the upload names
_GB = 2**30


@dataclass(frozen=True)
class Unfinished:
    """An upload without effect yet: its parts are stored, and billed, until it is completed or aborted."""

    location: Location
    id: str
    begun: datetime
    parts: int
    bytes: int

    @property
    def age(self) -> float:
        """Seconds since it was begun."""
        return (datetime.now(UTC) - self.begun).total_seconds()

    @property
    def dollars(self) -> float:
        """What its parts cost a month."""
        return self.bytes / _GB * DOLLARS_A_GB_MONTH


def unfinished(client: Any, bucket: str, prefix: str = "", *, older_than: float = 0.0) -> Iterator[Unfinished]:
    """Give every unfinished upload whose key starts so, begun more than ``older_than`` seconds ago, in order of keys.

    Memory: a page of 1,000.
    """
    marker: dict[str, str] = {}
    while True:
        with refused("list the uploads of", bucket, prefix):
            page = client.list_multipart_uploads(Bucket=bucket, Prefix=prefix, **marker)
        for each in page.get("Uploads", []):
            found = Unfinished(Location(bucket, each["Key"]), each["UploadId"], each["Initiated"], 0, 0)
            if found.age >= older_than:
                yield Unfinished(found.location, found.id, found.begun, *_held(client, found))
        if not page.get("IsTruncated"):
            return
        marker = {"KeyMarker": page["NextKeyMarker"], "UploadIdMarker": page["NextUploadIdMarker"]}


def abort(client: Any, upload: Unfinished) -> None:
    """Drop the upload and its parts; one that has ended meanwhile is no error."""
    Upload(client, *upload.location, upload.id, "").abort()


def _held(client: Any, upload: Unfinished) -> tuple[int, int]:
    """Count the parts and bytes of an upload; one that has ended meanwhile holds none."""
    from brigade.errors import NotFound

    bucket, key = upload.location
    parts = total = 0
    marker: dict[str, Any] = {}
    while True:
        try:
            with refused("list the parts of", bucket, key):
                page = client.list_parts(Bucket=bucket, Key=key, UploadId=upload.id, **marker)
        except NotFound:
            return 0, 0
        parts += len(page.get("Parts", []))
        total += sum(part["Size"] for part in page.get("Parts", []))
        if not page.get("IsTruncated"):
            return parts, total
        marker = {"PartNumberMarker": int(page["NextPartNumberMarker"])}
