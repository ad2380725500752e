"""The KMS keys of S3 objects, and the check whether a caller may use one.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html
"""

from collections.abc import Mapping
from typing import Any

from ministack.services import kms, s3

from local import identity

_HEADER = "x-amz-server-side-encryption-aws-kms-key-id"


def of_object(bucket: str, key: str, version: str | None = None) -> str | None:
    """Return the ARN of the key of an object or version; None without a key or without the object."""
    record = (s3._buckets.get(bucket) or {"objects": {}})["objects"].get(key) or {}
    if version and record.get("version_id") != version:
        versions = s3._object_versions.get((bucket, key), [])
        record = next((each for each in versions if each["version_id"] == version), {})
    return _named(record.get("preserved_headers", {}))


def of_write(bucket: str, headers: Mapping[str, str]) -> str | None:
    """Return the ARN of the key of a write with these headers: its own, or the default of the bucket."""
    encryption, _ = s3._resolve_sse_write_headers(headers, bucket)
    return _named(encryption or {})


def of_upload(upload_id: str) -> str | None:
    """Return the ARN of the key of a multipart upload."""
    upload = s3._multipart_uploads.get(upload_id) or {}
    return _named(upload.get("preserved_headers", {}))


def usable(who: identity.Caller, action: str, key: str | None) -> bool:
    """Return whether `who` may do `action` (`kms:Decrypt`, `kms:GenerateDataKey`) with `key`; True without a key.

    Anybody who may read or write the object may use the S3 key of the account, `alias/aws/s3`.
    """
    return key is None or kms.key_policy_for_arn(key) is None or identity.allowed(who, action, key)


def _named(headers: Mapping[str, Any]) -> str | None:
    return headers.get(_HEADER) or None
