"""Properties of an object besides its bytes: size, ETag, type, metadata and headers."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from brigade.headers import sent_text
from brigade.s3.conditions import TOKEN
from brigade.s3.errors import require_fields, translate_errors

SOURCE = "brigade-source"
"""The metadata entry that records the source of an object: the source's ETag, digests of its key and of the recipe."""
_OWN_ENTRIES = frozenset({SOURCE, TOKEN})
_COPIED_HEADERS = (
    "CacheControl",
    "ContentDisposition",
    "ContentLanguage",
    "Expires",
    "WebsiteRedirectLocation",
    "StorageClass",
)


@dataclass(frozen=True)
class ObjectProperties:
    """The response of HeadObject. `etag` has no quotes."""

    etag: str
    size: int
    content_type: str
    encoding: str
    """The Content-Encoding; empty if there is none. The result of an operation may have another one."""
    metadata: dict[str, str]
    version_id: str | None
    attributes: Mapping[str, str]
    """The other headers that a copy should have, as S3 returned them, by the names of PutObject's arguments."""

    @property
    def user_metadata(self) -> dict[str, str]:
        """The metadata without the entries that this library adds."""
        return {name: value for name, value in self.metadata.items() if name not in _OWN_ENTRIES}

    def put_arguments(self) -> dict[str, Any]:
        """Return `attributes` as arguments of PutObject, so that it sends the same header bytes.

        Raises:
            InvalidData: A header is not UTF-8.
        """
        return {name: sent_text(each) if isinstance(each, str) else each for name, each in self.attributes.items()}


def read_object_properties(s3: Any, bucket: str, key: str, version_id: str | None) -> ObjectProperties:
    """Return the head of an object, by one HeadObject.

    Args:
        version_id: The version to read; None for the current object.

    Raises:
        NotFound: There is no such object or version.
    """
    version = {} if version_id is None else {"VersionId": version_id}
    with translate_errors("look at", bucket, key):
        answer: Any = s3.head_object(Bucket=bucket, Key=key, **version)
    with require_fields("look at", bucket, key):
        return ObjectProperties(
            etag=answer["ETag"].strip('"'),
            size=answer["ContentLength"],
            content_type=answer.get("ContentType", ""),
            encoding=answer.get("ContentEncoding", ""),
            metadata=dict(answer.get("Metadata", {})),
            version_id=answer.get("VersionId"),
            attributes={name: answer[name] for name in _COPIED_HEADERS if answer.get(name)},
        )


def short_digest(text: str) -> str:
    """Return the first 16 hexadecimal digits of the SHA-256 of a key or a recipe, as `SOURCE` records them."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]
