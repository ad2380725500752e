"""List the objects, or the open uploads, under a prefix."""

from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

from brigade.s3.refusal import refused


class Lists(Protocol):
    """The call that listing objects needs."""

    def list_objects_v2(self, **arguments: Any) -> Any:
        """ListObjectsV2."""


class ListsUploads(Protocol):
    """The call that listing uploads needs."""

    def list_multipart_uploads(self, **arguments: Any) -> Any:
        """ListMultipartUploads."""


class Listed(NamedTuple):
    """An object as a list has it: its key, its size in bytes, its ETag, quoted."""

    key: str
    size: int
    etag: str


def keys(client: Lists, bucket: str, prefix: str = "") -> Iterator[str]:
    """Give every key that starts with ``prefix``, in S3's order (bytes of UTF-8). Memory: a page of 1,000 keys."""
    return (item.key for item in listed(client, bucket, prefix))


def listed(client: Lists, bucket: str, prefix: str = "") -> Iterator[Listed]:
    """Give every object whose key starts with ``prefix``, in the same order and memory as ``keys``."""
    arguments: dict[str, str] = {"Bucket": bucket, "Prefix": prefix}
    while True:
        with refused("list", bucket, prefix):
            page = client.list_objects_v2(**arguments)
        yield from (Listed(item["Key"], item["Size"], item["ETag"]) for item in page.get("Contents", []))
        if not page.get("IsTruncated"):
            return
        arguments["ContinuationToken"] = page["NextContinuationToken"]


def uploads(client: ListsUploads, bucket: str, key: str) -> list[str]:
    """Give the ids of the uploads of just this key that are open, the first 1,000."""
    with refused("list the uploads of", bucket, key):
        page = client.list_multipart_uploads(Bucket=bucket, Prefix=key)
    return [upload["UploadId"] for upload in page.get("Uploads", []) if upload["Key"] == key]
