"""Unfinished multipart uploads: list them with their size and price, abort them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from brigade.s3.errors import UploadGone, require_fields, translate_errors
from brigade.s3.listing import list_uploads, next_page, require_prefix
from brigade.s3.location import Location

DOLLARS_PER_GB_MONTH = 0.023  # S3 Standard, us-east-1, first 50 TB; parts are billed in the class the upload names
_GB = 2**30


@dataclass(frozen=True)
class UnfinishedUpload:
    """An unfinished upload. Its parts are stored, and billed, until it is completed or aborted."""

    location: Location
    id: str
    begun: datetime
    parts: int
    bytes: int

    @property
    def age(self) -> float:
        """Seconds since it began."""
        return (datetime.now(UTC) - self.begun).total_seconds()

    @property
    def dollars(self) -> float:
        """US dollars per month for its parts."""
        return self.bytes / _GB * DOLLARS_PER_GB_MONTH


def list_unfinished(
    client: Any, bucket: str, prefix: str = "", *, older_than: float = 0.0
) -> Iterator[UnfinishedUpload]:
    """Iterate over the unfinished uploads of keys that start with `prefix`, in the server's order.

    Memory: a page of 1,000.

    Args:
        older_than: Minimum age in seconds.
    """
    for each in list_uploads(client, bucket, prefix):
        require_prefix(bucket, each["Key"], prefix)
        found = UnfinishedUpload(Location(bucket, each["Key"]), each["UploadId"], each["Initiated"], 0, 0)
        if found.age >= older_than:
            yield UnfinishedUpload(found.location, found.id, found.begun, *_count_parts(client, found))


def abort_upload(client: Any, upload: UnfinishedUpload) -> bool:
    """Delete the upload and its parts. Return False if it was completed or aborted in the meantime."""
    bucket, key = upload.location
    try:
        with translate_errors("abort the upload of", bucket, key):
            client.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload.id)
    except UploadGone:
        return False
    return True


def _count_parts(client: Any, upload: UnfinishedUpload) -> tuple[int, int]:
    """Return the number of parts and of bytes of an upload; 0 and 0 if it has ended in the meantime."""
    bucket, key = upload.location
    act, parts, total = "list the parts of", 0, 0
    arguments: dict[str, Any] = {"Bucket": bucket, "Key": key, "UploadId": upload.id}
    while True:
        try:
            with translate_errors(act, bucket, key), require_fields(act, bucket, key):
                page = client.list_parts(**arguments)
                sizes = [part["Size"] for part in page.get("Parts", [])]
                following = next_page(page, arguments, PartNumberMarker="NextPartNumberMarker")
        except UploadGone:
            return 0, 0
        parts, total = parts + len(sizes), total + sum(sizes)
        if following is None:
            return parts, total
        arguments |= following
