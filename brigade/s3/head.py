"""Look at an object without reading it."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from brigade.s3.refusal import absent, complete, failures, refusal

_FIELD, _TYPE = "Checksum", "ChecksumType"


class Heads(Protocol):
    """The call that looking needs."""

    def head_object(self, **arguments: Any) -> Any:
        """HeadObject."""


class Found(NamedTuple):
    """The current version of an object. ``etag`` as S3 gives it, quoted; ``checksums`` by name, if they were asked for.

    ``whole`` says whether they are of the whole object, rather than of its parts' checksums.
    """

    etag: str
    size: int
    version_id: str | None
    modified: datetime
    metadata: Mapping[str, str]
    checksums: Mapping[str, str] = MappingProxyType({})
    whole: bool = False
    encryption: str | None = None

    @property
    def etag_is_md5(self) -> bool:
        """Whether the ETag is the MD5 of the bytes, or of the parts' MD5: not under KMS, nor a customer's key."""
        return self.encryption in {None, "AES256"}


def head(
    client: Heads, bucket: str, key: str, *, checksum: bool = False, version_id: str | None = None
) -> Found | None:
    """Give what the key holds now, or held as ``version_id``; None if nothing.

    Absent is known only to who may ``s3:ListBucket``: without it S3 answers 403 for an absent key, which fails here
    as not allowed (https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html). Fails with RetryLater when S3
    does not answer now, or its answer is not whole.
    """
    asked = {"ChecksumMode": "ENABLED"} if checksum else {}
    if version_id is not None:
        asked["VersionId"] = version_id
    try:
        answer = client.head_object(Bucket=bucket, Key=key, **asked)
    except failures() as error:
        if absent(error):
            return None
        raise refusal(error, "look at", bucket, key) from error
    kept = {name[len(_FIELD) :]: answer[name] for name in answer if name.startswith(_FIELD) and name != _TYPE}
    with complete("look at", bucket, key):
        return Found(
            etag=answer["ETag"],
            size=answer["ContentLength"],
            version_id=answer.get("VersionId"),
            modified=answer["LastModified"],
            metadata=answer.get("Metadata", {}),
            checksums=kept,
            whole=answer.get(_TYPE) != "COMPOSITE" and not any("-" in value for value in kept.values()),
            encryption="SSE-C" if "SSECustomerAlgorithm" in answer else answer.get("ServerSideEncryption"),
        )
