"""The versions of an object in a versioned bucket."""

from collections import deque
from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from brigade.s3.list import following_page
from brigade.s3.refusal import complete, refused


class ListsVersions(Protocol):
    """The call that listing versions needs."""

    def list_object_versions(self, **arguments: Any) -> Any:
        """ListObjectVersions."""


class Version(NamedTuple):
    """A version of an object, or the mark of its deletion, which has no ETag."""

    id: str
    etag: str | None
    modified: datetime
    size: int
    latest: bool


def versions(client: ListsVersions, bucket: str, key: str) -> Iterator[Version]:
    """Yield the versions of just this key, newest first, in the order of S3. Memory: a page of 1,000.

    LastModified is no such order: a multipart upload has the time when it began.
    """
    arguments: dict[str, str] = {"Bucket": bucket, "Prefix": key}
    while True:
        page = _page(client, arguments, bucket, key)
        yield from _merged(client, bucket, key, page)
        # The key itself sorts before all others that begin with it. A page may also be empty, and not the last.
        if page.following is None or page.has_others:
            return
        arguments |= page.following


class _Page(NamedTuple):
    written: list[Version]
    deleted: list[Version]
    has_others: bool
    following: dict[str, Any] | None


def _page(client: ListsVersions, arguments: dict[str, str], bucket: str, key: str) -> _Page:
    with refused("list the versions of", bucket, key), complete("list the versions of", bucket, key):
        page = client.list_object_versions(**arguments)
        written, deleted = page.get("Versions", []), page.get("DeleteMarkers", [])
        following = following_page(page, arguments, KeyMarker="NextKeyMarker", VersionIdMarker="NextVersionIdMarker")
        others = any(item["Key"] != key for item in (*written, *deleted))
        return _Page(_versions(written, key), _versions(deleted, key), others, following)


def _merged(client: ListsVersions, bucket: str, key: str, page: _Page) -> Iterator[Version]:
    """Yield the versions and the delete markers of a page in one order; boto3 has them as two lists."""
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


def _is_after(client: ListsVersions, bucket: str, key: str, first: Version, second: Version) -> bool:
    """Return whether S3 lists `second` behind `first`, for two of the same second."""
    arguments = {"Bucket": bucket, "Prefix": key, "KeyMarker": key, "VersionIdMarker": first.id}
    page = _page(client, arguments, bucket, key)
    return any(version.id == second.id for version in (*page.written, *page.deleted))


def _versions(items: list[Any], key: str) -> list[Version]:
    return [
        Version(item["VersionId"], item.get("ETag"), item["LastModified"], item.get("Size", 0), item["IsLatest"])
        for item in items
        if item["Key"] == key
    ]
