"""Listings: the objects and the open uploads under a prefix, the versions of a key. Memory: one page of 1,000."""

from collections import deque
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from brigade.errors import BrigadeError
from brigade.s3.client_type import S3Client
from brigade.s3.errors import require_fields, required_field, translate_errors


class ListedObject(NamedTuple):
    """An object in a listing: its key, its size in bytes, its ETag in quotes."""

    key: str
    size: int
    etag: str


class ObjectVersion(NamedTuple):
    """A version of an object, or a delete marker, which has no ETag."""

    id: str
    etag: str | None
    modified: datetime
    size: int
    latest: bool


def list_keys(client: S3Client, bucket: str, prefix: str = "") -> Iterator[str]:
    """Iterate over all keys with `prefix`, in S3's order (bytes of UTF-8)."""
    return (item.key for item in list_objects(client, bucket, prefix))


def list_objects(client: S3Client, bucket: str, prefix: str = "") -> Iterator[ListedObject]:
    """Iterate over all objects whose key has `prefix`, in S3's order (bytes of UTF-8)."""
    arguments: dict[str, Any] = {"Bucket": bucket, "Prefix": prefix}
    while True:
        with translate_errors("list", bucket, prefix), require_fields("list", bucket, prefix):
            page: Mapping[str, Any] = client.list_objects_v2(**arguments)
            found = [ListedObject(item["Key"], item["Size"], item["ETag"]) for item in page.get("Contents", [])]
            following = next_page(page, arguments, ContinuationToken="NextContinuationToken")
        for item in found:
            require_prefix(bucket, item.key, prefix)
        yield from found
        if following is None:
            return
        arguments |= following


def require_prefix(bucket: str, key: str, prefix: str) -> None:
    """Raise BrigadeError for a listed key that does not start with `prefix`: the server ignores the prefix."""
    if not key.startswith(prefix):
        raise BrigadeError(f"cannot list s3://{bucket}/{prefix}: the server ignores the prefix, and listed {key!r} too")


def list_upload_ids(client: S3Client, bucket: str, key: str) -> list[str]:
    """Return the ids of all open uploads of exactly this key."""
    return [upload["UploadId"] for upload in list_uploads(client, bucket, key) if upload["Key"] == key]


def list_uploads(client: S3Client, bucket: str, prefix: str = "") -> Iterator[Mapping[str, Any]]:
    """Iterate over the open uploads of keys with `prefix`, as boto3 describes them.

    Raises:
        RetryLater: A page lacks a field that every page of S3 has.
    """
    action = "list the uploads of"
    arguments: dict[str, Any] = {"Bucket": bucket, "Prefix": prefix}
    while True:
        with translate_errors(action, bucket, prefix), require_fields(action, bucket, prefix):
            page: Mapping[str, Any] = client.list_multipart_uploads(**arguments)
            for upload in page.get("Uploads", []):
                for name in ("Key", "UploadId", "Initiated"):
                    required_field(upload, name)
            following = next_page(page, arguments, KeyMarker="NextKeyMarker", UploadIdMarker="NextUploadIdMarker")
        yield from page.get("Uploads", [])
        if following is None:
            return
        arguments |= following


def list_versions(client: S3Client, bucket: str, key: str) -> Iterator[ObjectVersion]:
    """Iterate over the versions of exactly this key, newest first, in the order of S3.

    LastModified does not give this order: a multipart upload has the time when it began.
    """
    arguments: dict[str, Any] = {"Bucket": bucket, "Prefix": key}
    while True:
        page = _read_versions(client, arguments, bucket, key)
        yield from _merge(client, bucket, key, page)
        # The key itself sorts before all others that begin with it. A page may also be empty, and not the last.
        if page.following is None or page.has_others:
            return
        arguments |= page.following


def next_page(page: Mapping[str, Any], arguments: Mapping[str, Any], **markers: str) -> dict[str, Any] | None:
    """Return the arguments of the call for the next page, or None after the last page. Use it in `require_fields`.

    Args:
        arguments: The arguments of the call for this page.
        markers: For each argument of the next call, the field of the answer with its value.

    Raises:
        KeyError: The page does not say if it is the last, or where the next one begins, or it names itself as the next
            one. The listing would end too early, or never.
    """
    if page["IsTruncated"] is not True:
        return None
    following = {argument: required_field(page, name) for argument, name in markers.items()}
    if following == {argument: arguments.get(argument) for argument in markers}:
        raise KeyError(f"a new {next(iter(markers.values()))}")
    return following


class _VersionsPage(NamedTuple):
    written: list[ObjectVersion]
    deleted: list[ObjectVersion]
    has_others: bool
    following: dict[str, Any] | None


def _read_versions(client: S3Client, arguments: dict[str, Any], bucket: str, key: str) -> _VersionsPage:
    with translate_errors("list the versions of", bucket, key), require_fields("list the versions of", bucket, key):
        page: Mapping[str, Any] = client.list_object_versions(**arguments)
        written, deleted = page.get("Versions", []), page.get("DeleteMarkers", [])
        following = next_page(page, arguments, KeyMarker="NextKeyMarker", VersionIdMarker="NextVersionIdMarker")
        others = any(item["Key"] != key for item in (*written, *deleted))
        return _VersionsPage(_versions(written, key), _versions(deleted, key), others, following)


def _merge(client: S3Client, bucket: str, key: str, page: _VersionsPage) -> Iterator[ObjectVersion]:
    """Yield the versions and the delete markers of a page in one order. boto3 has them as two lists."""
    written, deleted = deque(page.written), deque(page.deleted)
    while written and deleted:
        version, marker = written[0], deleted[0]
        if version.latest or marker.latest:
            newer = written if version.latest else deleted
        elif version.modified != marker.modified:
            newer = written if version.modified > marker.modified else deleted
        else:
            newer = deleted if _is_after(client, bucket, key, marker, version) else written
        yield newer.popleft()
    yield from written
    yield from deleted


def _is_after(client: S3Client, bucket: str, key: str, first: ObjectVersion, second: ObjectVersion) -> bool:
    """Return whether S3 lists `second` behind `first`, for two versions of the same second."""
    arguments = {"Bucket": bucket, "Prefix": key, "KeyMarker": key, "VersionIdMarker": first.id}
    page = _read_versions(client, arguments, bucket, key)
    return any(version.id == second.id for version in (*page.written, *page.deleted))


def _versions(items: list[Any], key: str) -> list[ObjectVersion]:
    return [
        ObjectVersion(item["VersionId"], item.get("ETag"), item["LastModified"], item.get("Size", 0), item["IsLatest"])
        for item in items
        if item["Key"] == key
    ]
