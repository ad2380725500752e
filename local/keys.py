"""The KMS keys that objects on S3 are encrypted with: which one it is, and whether a caller may use it.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html
"""

from collections.abc import Mapping
from typing import Any

from ministack.services import kms, s3

from local import identity

_HEADER = "x-amz-server-side-encryption-aws-kms-key-id"


def of_object(bucket: str, key: str, version: str | None = None) -> str | None:
    """Give the ARN of the key of an object, or of one of its versions; None if it has none or is not there."""
    record = (s3._buckets.get(bucket) or {"objects": {}})["objects"].get(key) or {}
    if version and record.get("version_id") != version:
        versions = s3._object_versions.get((bucket, key), [])
        record = next((each for each in versions if each["version_id"] == version), {})
    return _named(record.get("preserved_headers", {}))


def of_write(bucket: str, headers: Mapping[str, str]) -> str | None:
    """Give the ARN of the key that a write with these headers encrypts with: its own, or the bucket's default."""
    encryption, _ = s3._resolve_sse_write_headers(headers, bucket)
    return _named(encryption or {})


def of_upload(upload_id: str) -> str | None:
    """Give the ARN of the key that an upload in parts was begun with."""
    upload = s3._multipart_uploads.get(upload_id) or {}
    return _named(upload.get("preserved_headers", {}))


def usable(who: identity.Caller, action: str, key: str | None) -> bool:
    """Say whether ``who`` may do ``action`` (``kms:Decrypt``, ``kms:GenerateDataKey``) with ``key``; with none, yes.

    The account's key for S3, ``alias/aws/s3``, is for whoever may read or write the object.
    """
    return key is None or kms.key_policy_for_arn(key) is None or identity.allowed(who, action, key)


def _named(headers: Mapping[str, Any]) -> str | None:
    return headers.get(_HEADER) or None
