"""S3 of ministack 1.5.33: the rights on the KMS key of an object."""

from typing import Any
from urllib.parse import unquote

from ministack.services import s3

from local import identity, keys
from local.replacing import replacing


def apply() -> None:
    """Apply the patches of this module."""
    ask_for_the_key()


def ask_for_the_key() -> None:
    """Symptom: objects under a KMS key are read and written by who has no right to the key.

    Mends (1.5.33): a write and the begin of an upload need ``kms:GenerateDataKey``, a read, a part and the completion
    ``kms:Decrypt``, a copy both: on the key of the object, named or the bucket's default.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html
    """

    @replacing(s3, "_dispatch")
    def dispatch(original: Any, method: str, bucket: str, key: str, headers: Any, body: bytes, query: Any) -> Any:
        asked = _asked(method, bucket, key, headers, query) if key and bucket in s3._buckets else []
        who = identity.current() if any(name for _, name in asked) else None
        for action, name in asked:
            if who and not keys.usable(who, action, name):
                message = f"User: {who.arn} is not authorized to perform: {action} on resource: {name}"
                return (403, {}, b"") if method == "HEAD" else s3._error("AccessDenied", message, 403)
        return original(method, bucket, key, headers, body, query)


def _asked(method: str, bucket: str, key: str, headers: Any, query: Any) -> list[tuple[str, str | None]]:
    """Return the rights that a request needs, with the key of each; None for no key."""
    upload, source = s3._qp(query, "uploadId"), headers.get("x-amz-copy-source")
    plain = not set(query) - {"x-id", "versionId", "partNumber"} and not upload
    asked: list[tuple[str, str | None]] = []
    if source:
        path, _, version = source.lstrip("/").partition("?versionId=")
        origin, _, name = unquote(path).partition("/")
        asked.append(("kms:Decrypt", keys.of_object(origin, name, version)))
    if upload and method in {"PUT", "POST"}:
        asked.append(("kms:Decrypt", keys.of_upload(upload)))
    elif (method == "PUT" and plain) or (method == "POST" and "uploads" in query):
        asked.append(("kms:GenerateDataKey", keys.of_write(bucket, headers)))
    elif plain and (method == "GET" or (method == "HEAD" and headers.get("x-amz-checksum-mode"))):
        asked.append(("kms:Decrypt", keys.of_object(bucket, key, s3._qp(query, "versionId"))))
    return asked
