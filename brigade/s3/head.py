"""Look at an object without reading it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from brigade.s3.refusal import absent, failures, refusal


class Heads(Protocol):
    """The call that looking needs."""

    def head_object(self, **arguments: Any) -> Any:
        """HeadObject."""


@dataclass(frozen=True)
class Found:
    """The current version of an object. ``etag`` as S3 gives it, quoted."""

    etag: str
    size: int
    version_id: str | None
    modified: datetime
    metadata: Mapping[str, str]


def head(client: Heads, bucket: str, key: str) -> Found | None:
    """Give what the key holds now, or None if nothing.

    Absent is known only to who may ``s3:ListBucket``: without it S3 answers 403 for an absent key, which fails here
    as not allowed (https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html).
    """
    try:
        answer = client.head_object(Bucket=bucket, Key=key)
    except failures() as error:
        if absent(error):
            return None
        raise refusal(error, "look at", bucket, key) from error
    return Found(
        etag=answer["ETag"],
        size=answer["ContentLength"],
        version_id=answer.get("VersionId"),
        modified=answer["LastModified"],
        metadata=answer.get("Metadata", {}),
    )
