"""Tags of multipart uploads in S3 of ministack 1.5.33."""

from typing import Any
from urllib.parse import parse_qsl

from ministack.services import s3

from local.replacing import replacing


def apply() -> None:
    """Apply the patches of this module."""
    tag_what_is_uploaded_in_parts()


def tag_what_is_uploaded_in_parts() -> None:
    """Symptom: ``Tagging`` of CreateMultipartUpload is lost: the object has no tags.

    Mends (1.5.33): the object has them from the moment that the upload is completed.
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateMultipartUpload.html
    """

    @replacing(s3, "_create_multipart_upload")
    def create(original: Any, bucket: str, key: str, headers: Any) -> Any:
        before = set(s3._multipart_uploads)
        answer = original(bucket, key, headers)
        if tagging := headers.get("x-amz-tagging"):
            for upload in set(s3._multipart_uploads) - before:
                s3._multipart_uploads[upload]["tags"] = dict(parse_qsl(tagging, keep_blank_values=True))
        return answer

    @replacing(s3, "_complete_multipart_upload")
    def complete(original: Any, bucket: str, key: str, body: bytes, query: Any, headers: Any = None) -> Any:
        tags = s3._multipart_uploads.get(s3._qp(query, "uploadId"), {}).get("tags")
        answer = original(bucket, key, body, query, headers)
        if tags and answer[0] == 200:
            found = s3._buckets[bucket]["objects"][key]
            s3._object_tags[(bucket, key, found.get("version_id"))] = tags
            if s3.S3_PERSIST:
                s3._persist_object(bucket, key, found)
        return answer
