"""S3 of ministack 1.5.33: the storage class of a copy, and copies of archived objects."""

from typing import Any
from urllib.parse import parse_qs, unquote

from ministack.services import s3

from local.replacing import replacing

_CLASS = "x-amz-storage-class"


def apply() -> None:
    """Apply the patches of this module."""
    write_copies_to_standard()
    refuse_archived_sources()


def write_copies_to_standard() -> None:
    """Symptom: CopyObject without a storage class keeps that of the source.

    Mends (1.5.33): the copy is in STANDARD, as on AWS, unless the request names a class.
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html (x-amz-storage-class)
    """

    @replacing(s3, "_copy_object")
    def copy(original: Any, bucket: str, key: str, headers: Any) -> Any:
        return original(bucket, key, headers if headers.get(_CLASS) else {**headers, _CLASS: "STANDARD"})


def refuse_archived_sources() -> None:
    """Symptom: CopyObject and UploadPartCopy read an object in GLACIER or DEEP_ARCHIVE that was never restored.

    Mends (1.5.33): 403 InvalidObjectState, as for GetObject.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/restoring-objects.html
    """

    @replacing(s3, "_copy_object")
    def copy(original: Any, bucket: str, key: str, headers: Any) -> Any:
        return _archived(headers) or original(bucket, key, headers)

    @replacing(s3, "_upload_part_copy")
    def copy_part(original: Any, bucket: str, key: str, query: Any, headers: Any) -> Any:
        return _archived(headers) or original(bucket, key, query, headers)


def _archived(headers: Any) -> Any:
    """Return the refusal of a copy whose source cannot be read; None where it can, or there is none."""
    path, _, query = headers.get("x-amz-copy-source", "").lstrip("/").partition("?")
    bucket, _, key = unquote(path).partition("/")
    version = parse_qs(query).get("versionId", [None])[0]
    made = (s3._buckets.get(bucket) or {"objects": {}})["objects"].get(key)
    if version and (made or {}).get("version_id") != version:
        made = next(
            (each for each in s3._object_versions.get((bucket, key), []) if each["version_id"] == version), None
        )
    kind = (made or {}).get("storage_class") or "STANDARD"
    if not made or kind not in s3._ARCHIVE_STORAGE_CLASSES or s3._sync_restore(bucket, key, made) == "restored":
        return None
    return s3._invalid_object_state(bucket, key, kind)
