"""The versions of an object in a versioned bucket."""

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
    """Give the versions of just this key, newest first. Memory: a page of 1,000."""
    arguments: dict[str, str] = {"Bucket": bucket, "Prefix": key}
    while True:
        with refused("list the versions of", bucket, key), complete("list the versions of", bucket, key):
            page = client.list_object_versions(**arguments)
            found = _versions(page, key)
            following = following_page(
                page, arguments, KeyMarker="NextKeyMarker", VersionIdMarker="NextVersionIdMarker"
            )
        yield from sorted(found, key=lambda version: (version.latest, version.modified), reverse=True)
        if not found or following is None:
            return
        arguments |= following


def _versions(page: Any, key: str) -> list[Version]:
    return [
        Version(item["VersionId"], item.get("ETag"), item["LastModified"], item.get("Size", 0), item["IsLatest"])
        for item in (*page.get("Versions", []), *page.get("DeleteMarkers", []))
        if item["Key"] == key
    ]
