"""Tags, ACLs and copied parts of multipart uploads in S3 of ministack 1.5.33."""

from typing import Any
from urllib.parse import parse_qsl

from ministack.services import s3

from local.replacing import replacing


def apply() -> None:
    """Apply the patches of this module."""
    keep_what_an_upload_began_with()
    check_copied_parts()


def keep_what_an_upload_began_with() -> None:
    """Symptom: ``Tagging`` and ``ACL`` of CreateMultipartUpload are lost: the object has no tags, and is private.

    Mends (1.5.33): the object has them from the moment that the upload is completed.
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateMultipartUpload.html
    """

    @replacing(s3, "_create_multipart_upload")
    def create(original: Any, bucket: str, key: str, headers: Any) -> Any:
        before = set(s3._multipart_uploads)
        answer = original(bucket, key, headers)
        for upload in set(s3._multipart_uploads) - before:
            tagging = headers.get("x-amz-tagging", "")
            s3._multipart_uploads[upload]["tags"] = dict(parse_qsl(tagging, keep_blank_values=True))
            s3._multipart_uploads[upload]["acl"] = headers.get("x-amz-acl")
        return answer

    @replacing(s3, "_complete_multipart_upload")
    def complete(original: Any, bucket: str, key: str, body: bytes, query: Any, headers: Any = None) -> Any:
        upload = s3._multipart_uploads.get(s3._qp(query, "uploadId"), {})
        tags, acl = upload.get("tags"), upload.get("acl")
        answer = original(bucket, key, body, query, headers)
        if (tags or acl) and answer[0] == 200:
            found = s3._buckets[bucket]["objects"][key]
            version = (bucket, key, found.get("version_id"))
            if tags:
                s3._object_tags[version] = tags
            if acl:
                s3._object_acl[version] = s3._canned_acl_policy_xml(acl, s3._canonical_owner_id())
            if s3.S3_PERSIST:
                s3._persist_object(bucket, key, found)
        return answer


def check_copied_parts() -> None:
    """Symptom: a part that is copied has no checksum, so an upload with checksums is not completed: InvalidPart.

    Mends (1.5.33): it has one by the upload's algorithm, which the answer names.
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPartCopy.html
    """

    @replacing(s3, "_upload_part_copy")
    def copy(original: Any, bucket: str, key: str, query: Any, headers: Any) -> Any:
        status, sent, body = original(bucket, key, query, headers)
        upload = s3._multipart_uploads.get(s3._qp(query, "uploadId"), {})
        algorithm = upload.get("checksum_algorithm")
        if status != 200 or not algorithm:
            return status, sent, body
        part = upload["parts"][int(s3._qp(query, "partNumber"))]
        value = s3._compute_s3_checksum(algorithm.lower(), part["body"])
        part["checksums"] = {algorithm.upper(): value}
        told = f"<Checksum{algorithm.upper()}>{value}</Checksum{algorithm.upper()}></CopyPartResult>"
        return status, sent, body.replace(b"</CopyPartResult>", told.encode())
