"""S3 of ministack 1.5.33: inventory configurations, sub-resources it does not know, multipart uploads, copies."""

import base64
import re
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree

from awscrt import checksums
from ministack.core.responses import AccountScopedDict, get_account_id, get_region
from ministack.services import s3

from local import identity
from local.replacing import replacing

Answer = tuple[int, dict[str, str], bytes]

_SMALLEST_PART = 5 << 20
_SUBRESOURCES = re.compile(
    "policy|notification|tagging|versioning|encryption|lifecycle|cors|acl|website|logging|accelerate|requestPayment"
    "|object-lock|replication|ownershipControls|publicAccessBlock|inventory"
)

inventories = AccountScopedDict()
"""The inventory configurations: bucket → id → the XML of ``InventoryConfiguration``, as it was put."""


def apply() -> None:
    """Apply the patches of this module."""
    keep_inventory_configurations()
    refuse_unknown_subresources()
    check_parts()
    check_copies()
    ask_for_the_right_to_tags()
    give_ranges_of_versions()
    check_whole_objects()
    hide_what_is_absent()
    encrypt_with_the_account_key()


def keep_inventory_configurations() -> None:
    """Symptom: a put is lost and may make the bucket, a get is empty, a delete deletes the bucket if it is empty.

    Mends (1.5.33): they are kept, given back, listed, and deleted without the bucket.
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketInventoryConfiguration.html
    """
    s3._PERSISTED_BUCKET_DICTS["bucket_inventories"] = inventories

    @replacing(s3, "_dispatch")
    def dispatch(original: Any, method: str, bucket: str, key: str, headers: Any, body: bytes, query: Any) -> Any:
        if bucket and not key and "inventory" in query:
            return inventory(method, bucket, s3._qp(query, "id"), body)
        return original(method, bucket, key, headers, body, query)

    @replacing(s3, "_delete_bucket")
    def delete_bucket(original: Any, name: str) -> Any:
        answer = original(name)
        if answer[0] < 300:
            inventories.pop(name, None)
        return answer

    @replacing(s3, "reset")
    def reset(original: Any) -> None:
        original()
        inventories.clear()


def inventory(method: str, bucket: str, name: str, body: bytes) -> Answer:
    """Answer Put, Get, List or DeleteBucketInventoryConfiguration; without ``name`` a GET lists."""
    if bucket not in s3._buckets:
        return _answer(s3._no_such_bucket(bucket))
    known = dict(inventories.get(bucket, {}))
    if method == "PUT":
        try:
            given = ElementTree.fromstring(body).findtext(f"{{{s3.S3_NS}}}Id")  # noqa: S314 - from this machine only
        except ElementTree.ParseError:
            given = None
        if not given or given != name:
            return _answer(s3._error("MalformedXML", s3._MALFORMED_XML, 400))
        inventories[bucket] = {**known, name: body.decode()}
        return 200, {}, b""
    if method == "GET" and not name:
        items = "".join(re.sub(r"^\s*<\?xml[^>]*\?>", "", known[each]) for each in sorted(known))
        root = "ListInventoryConfigurationsResult"
        listed = f'<{root} xmlns="{s3.S3_NS}">{items}<IsTruncated>false</IsTruncated></{root}>'
        return _found(listed)
    if name not in known:
        return _answer(s3._error("NoSuchConfiguration", "The specified configuration does not exist.", 404))
    if method == "DELETE":
        inventories[bucket] = {each: xml for each, xml in known.items() if each != name}
        return 204, {}, b""
    return _found(known[name])


def refuse_unknown_subresources() -> None:
    """Symptom: PUT of a sub-resource that is not served makes the bucket, DELETE of one deletes it.

    Mends (1.5.33): analytics, metrics, intelligent-tiering and whatever else is not served answer 501 NotImplemented.
    """

    @replacing(s3, "_dispatch")
    def dispatch(original: Any, method: str, bucket: str, key: str, headers: Any, body: bytes, query: Any) -> Any:
        if bucket and not key and method in ("PUT", "DELETE"):
            named = [name for name in query if name != "x-id" and not name.lower().startswith("x-amz-")]
            if named and not any(_SUBRESOURCES.fullmatch(name) for name in named):
                return s3._error("NotImplemented", f"{method} of {named[0]} is not served by the local AWS", 501)
        return original(method, bucket, key, headers, body, query)


def check_parts() -> None:
    """Symptom: an upload is completed from parts in any order, and from parts below 5 MiB that are not the last.

    Mends (1.5.33): InvalidPartOrder and EntityTooSmall.
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html
    """

    @replacing(s3, "_complete_multipart_upload")
    def complete(original: Any, bucket: str, key: str, body: bytes, query: Any, headers: Any = None) -> Any:
        upload = s3._multipart_uploads.get(s3._qp(query, "uploadId"))
        if upload and (upload["bucket"], upload["key"]) == (bucket, key):
            numbers = [int(number) for number in re.findall(rb"<PartNumber>(\d+)</PartNumber>", body)]
            if numbers != sorted(set(numbers)):
                return s3._error("InvalidPartOrder", "The list of parts was not in ascending order.", 400)
            parts = upload["parts"]
            if any(parts[number]["size"] < _SMALLEST_PART for number in numbers[:-1] if number in parts):
                too_small = "Your proposed upload is smaller than the minimum allowed object size."
                return s3._error("EntityTooSmall", too_small, 400)
        return original(bucket, key, body, query, headers)


def check_copies() -> None:
    """Symptom: CopyObject with If-None-Match or If-Match overwrites whatever is there.

    Mends (1.5.33): the conditions hold as they do for PutObject.
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html
    """

    @replacing(s3, "_copy_object")
    def copy(original: Any, bucket: str, key: str, headers: Any) -> Any:
        there = (s3._buckets.get(bucket) or {"objects": {}})["objects"].get(key)
        lost = s3._check_put_preconditions(headers, there)
        return lost or original(bucket, key, headers)


def ask_for_the_right_to_tags() -> None:
    """Symptom: a caller who may read and write objects can copy and write tags without a right to tags.

    Mends (1.5.33): a write with tags needs ``s3:PutObjectTagging``; a copy of an object that has some, the right to
    read them there and to write them here. https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html
    """

    @replacing(s3, "_dispatch")
    def dispatch(original: Any, method: str, bucket: str, key: str, headers: Any, body: bytes, query: Any) -> Any:
        if key and method in {"PUT", "POST"} and headers.get("x-amz-tagging"):
            refused = _refused_tags("s3:PutObjectTagging", bucket, key)
            if refused:
                return refused
        return original(method, bucket, key, headers, body, query)

    @replacing(s3, "_copy_object")
    def copy(original: Any, bucket: str, key: str, headers: Any) -> Any:
        path, _, version = headers.get("x-amz-copy-source", "").lstrip("/").partition("?versionId=")
        source, _, name = unquote(path).partition("/")
        current = (s3._buckets.get(source) or {"objects": {}})["objects"].get(name) or {}
        tags = s3._object_tags.get((source, name, version or current.get("version_id")))
        if tags and headers.get("x-amz-tagging-directive", "COPY").upper() == "COPY":
            reads = "s3:GetObjectVersionTagging" if version else "s3:GetObjectTagging"
            refused = _refused_tags(reads, source, name) or _refused_tags("s3:PutObjectTagging", bucket, key)
            if refused:
                return refused
        return original(bucket, key, headers)


def _refused_tags(action: str, bucket: str, key: str) -> Answer | None:
    who = identity.current()
    if identity.allowed(who, action, f"arn:aws:s3:::{bucket}/{key}"):
        return None
    refused: Answer = s3._error("AccessDenied", f"{who.arn} is not authorized to perform: {action}", 403)
    return refused


def give_ranges_of_versions() -> None:
    """Symptom: GetObject of a version returns all of it, whatever ``Range`` requests.

    Mends (1.5.33): the part is cut out of it, with the status and the headers that the current object's has.
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
    """

    @replacing(s3, "_get_object")
    def get(original: Any, bucket: str, key: str, headers: Any, query: Any = None, *more: Any, **named: Any) -> Any:
        status, answered, body = original(bucket, key, headers, query, *more, **named)
        wanted = headers.get("range")
        if status != 200 or not wanted or not s3._qp(query or {}, "versionId", ""):
            return status, answered, body
        span = s3._parse_range(wanted, len(body))
        if span is None:
            return status, answered, body
        start, end = span
        part = body[start : end + 1]
        shown = {"Content-Range": f"bytes {start}-{end}/{len(body)}", "Content-Length": str(len(part))}
        whole = {name: value for name, value in answered.items() if not name.lower().startswith("x-amz-checksum")}
        return 206, whole | shown, part


def check_whole_objects() -> None:
    """Symptom: an upload with a checksum of the whole object (FULL_OBJECT) gets that of its parts; the right one fails.

    Mends (1.5.33): CRC64NVME of the whole is computed, compared and kept, in native code: Python takes seconds a part.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html
    """
    whole: list[str] = []

    @replacing(s3, "_crc64nvme")
    def crc64nvme(original: Any, body: bytes) -> int:
        return int(checksums.crc64nvme(body))

    @replacing(s3, "_composite_checksum")
    def composite(original: Any, algorithm: Any, digests: Any) -> Any:
        return whole[0] if whole else original(algorithm, digests)

    @replacing(s3, "_complete_multipart_upload")
    def complete(original: Any, bucket: str, key: str, body: bytes, query: Any, headers: Any = None) -> Any:
        upload = s3._multipart_uploads.get(s3._qp(query, "uploadId"))
        if not upload or (headers or {}).get("x-amz-checksum-type") != "FULL_OBJECT":
            return original(bucket, key, body, query, headers)
        value = 0
        for number in re.findall(rb"<PartNumber>(\d+)</PartNumber>", body):
            value = checksums.crc64nvme(upload["parts"].get(int(number), {"body": b""})["body"], value)
        whole.append(base64.b64encode(value.to_bytes(8, "big")).decode())
        try:
            status, sent, text = original(bucket, key, body, query, headers)
        finally:
            whole.clear()
        if status == 200:
            made = s3._buckets[bucket]["objects"][key]
            made["checksum_type"] = "FULL_OBJECT"
            if s3.S3_PERSIST:
                s3._persist_object(bucket, key, made)
            text = text.replace(b"COMPOSITE", b"FULL_OBJECT")
        return status, sent, text


def encrypt_with_the_account_key() -> None:
    """Symptom: a write with ``aws:kms`` and no key is refused, as CDK writes its assets to its own bucket.

    Mends (1.5.33): such a write names the account's key for S3, ``alias/aws/s3``.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html
    """

    @replacing(s3, "_resolve_sse_write_headers")
    def resolve(original: Any, headers: Any, bucket: str) -> Any:
        algorithm, key = "x-amz-server-side-encryption", "x-amz-server-side-encryption-aws-kms-key-id"
        if headers.get(algorithm) == "aws:kms" and not headers.get(key):
            headers = {**headers, key: f"arn:aws:kms:{get_region()}:{get_account_id()}:alias/aws/s3"}
        return original(headers, bucket)


def _found(document: str) -> Answer:
    return 200, {"Content-Type": "application/xml"}, document.encode()


def _answer(answer: Any) -> Answer:
    status, headers, body = answer
    return status, headers, body


def hide_what_is_absent() -> None:
    """Symptom: a 404 shows a caller who may not list a bucket which keys are not in it.

    Mends (1.5.33): without ``s3:ListBucket``, GetObject and HeadObject of an absent key return 403.
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
    """

    @replacing(s3, "_dispatch")
    def dispatch(original: Any, method: str, bucket: str, key: str, headers: Any, body: bytes, query: Any) -> Any:
        answer = original(method, bucket, key, headers, body, query)
        absent = key and answer[0] == 404 and (method == "HEAD" or (method == "GET" and b"NoSuchKey" in answer[2]))
        if not absent or bucket not in s3._buckets:
            return answer
        if identity.allowed(identity.current(), "s3:ListBucket", f"arn:aws:s3:::{bucket}"):
            return answer
        return (403, {}, b"") if method == "HEAD" else s3._error("AccessDenied", "Access Denied", 403)
