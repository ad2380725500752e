"""List the objects, or the open uploads, under a prefix."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, Protocol

from brigade.errors import BrigadeError
from brigade.s3.refusal import complete, field, refused


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
        with refused("list", bucket, prefix), complete("list", bucket, prefix):
            page = client.list_objects_v2(**arguments)
            found = [Listed(item["Key"], item["Size"], item["ETag"]) for item in page.get("Contents", [])]
            following = following_page(page, arguments, ContinuationToken="NextContinuationToken")
        for item in found:
            require_prefix(bucket, item.key, prefix)
        yield from found
        if following is None:
            return
        arguments |= following


def require_prefix(bucket: str, key: str, prefix: str) -> None:
    """Raise BrigadeError for a listed key that does not start with `prefix`: it was not asked for."""
    if not key.startswith(prefix):
        raise BrigadeError(
            f"cannot list s3://{bucket}/{prefix}: the server answered with {key!r} too: it passes over the prefix"
        )


def uploads(client: ListsUploads, bucket: str, key: str) -> list[str]:
    """Return the ids of all open uploads of just this key. Memory: a page of 1,000 uploads of keys that start so."""
    return [upload["UploadId"] for upload in open_uploads(client, bucket, key) if upload["Key"] == key]


def open_uploads(client: ListsUploads, bucket: str, prefix: str = "") -> Iterator[Mapping[str, Any]]:
    """Iterate over the open uploads of keys that start with `prefix`, as boto3 describes them. Memory: a page of 1,000.

    Raises:
        RetryLater: A page lacks what each of S3's has.
    """
    arguments: dict[str, str] = {"Bucket": bucket, "Prefix": prefix}
    while True:
        with refused("list the uploads of", bucket, prefix), complete("list the uploads of", bucket, prefix):
            page = client.list_multipart_uploads(**arguments)
            for upload in page.get("Uploads", []):
                for name in ("Key", "UploadId", "Initiated"):
                    field(upload, name)
            following = following_page(page, arguments, KeyMarker="NextKeyMarker", UploadIdMarker="NextUploadIdMarker")
        yield from page.get("Uploads", [])
        if following is None:
            return
        arguments |= following


def following_page(page: Mapping[str, Any], arguments: Mapping[str, Any], **markers: str) -> dict[str, Any] | None:
    """Return the arguments that ask for the page behind this one, or None behind the last.

    Args:
        arguments: What this page was asked with.
        markers: By the argument of the next call, the field of the answer that it is taken from.

    Raises:
        KeyError: The page does not say whether it is the last, or where the next begins, or names itself as the next:
            its end would be taken for that of the list, or it would be read for ever.
    """
    if page["IsTruncated"] is not True:
        return None
    following = {argument: field(page, name) for argument, name in markers.items()}
    if following == {argument: arguments.get(argument) for argument in markers}:
        raise KeyError(f"a new {next(iter(markers.values()))}")
    return following
