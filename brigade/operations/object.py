"""The object that an operation is called with: what it is, its bytes in bounded memory, and writing beside it."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from botocore.exceptions import ClientError

from brigade.errors import ConditionLost, InvalidData, RetryLater

_MIB = 1024 * 1024
_MARK = "brigade-write"


class S3(Protocol):
    """The calls of S3 that an operation makes: those of the boto3 client."""

    def head_object(self, **request: Any) -> Any: ...  # noqa: D102 - https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html
    def get_object(self, **request: Any) -> Any: ...  # noqa: D102 - https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
    def put_object(self, **request: Any) -> Any: ...  # noqa: D102 - https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html


@dataclass(frozen=True)
class Head:
    """What S3 says of an object besides its bytes. ``etag`` is without its quotes."""

    etag: str
    size: int
    content_type: str
    metadata: dict[str, str]
    version_id: str | None


class Object:
    """One object of a job. Making it asks S3 nothing; all that is asked of it later concerns one and the same content.

    The content is pinned by the manifest's version, or else by the ETag that was seen first; if it has changed since,
    reading fails with RetryLater. A failure of S3 comes through as botocore's own error, which the handler turns into
    the task's result code.
    """

    def __init__(self, s3: S3, bucket: str, key: str, version_id: str | None = None) -> None:
        self.bucket = bucket
        self.key = key
        self.version_id = version_id
        self._s3 = s3
        self._head: Head | None = None

    def __repr__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"

    @property
    def head(self) -> Head:
        """Size, ETag, type and metadata: one HeadObject, and none once the object has been read."""
        if self._head is None:
            self._head = _head(self._s3.head_object(**self._which()))
        return self._head

    def read(self, limit_mib: int) -> bytes:
        """Give the whole content; fails with InvalidData, having read nothing, if it is over ``limit_mib``."""
        body = self._open()
        try:
            if self.head.size > limit_mib * _MIB:
                raise InvalidData(f"{self.head.size} bytes; this operation reads at most {limit_mib} MiB of an object")
            content: bytes = body.read()
            return content
        finally:
            body.close()

    def stream(self, chunk_bytes: int = _MIB) -> Iterator[bytes]:
        """Give the content in pieces of at most ``chunk_bytes``; a transfer that ends early fails."""
        body = self._open()
        try:
            while chunk := body.read(chunk_bytes):
                yield chunk
        finally:
            body.close()

    def write(
        self, key: str, content: bytes, *, content_type: str, if_absent: bool = False, if_match: str | None = None
    ) -> None:
        """Write another object of the same bucket, whole or not at all.

        ``if_absent`` writes only if there is none (If-None-Match), ``if_match`` only if its ETag is this one
        (If-Match); else it replaces what is there. Fails with ConditionLost when the condition did not hold; a
        condition lost to this very write, whose reply got lost, is known by a token in the metadata: no failure.
        """
        token = uuid.uuid4().hex
        condition = {"IfNoneMatch": "*"} if if_absent else {"IfMatch": if_match} if if_match else {}
        metadata = {_MARK: token} if condition else {}
        try:
            self._s3.put_object(
                Bucket=self.bucket, Key=key, Body=content, ContentType=content_type, Metadata=metadata, **condition
            )
        except ClientError as error:
            if not condition or error.response["Error"]["Code"] not in ("PreconditionFailed", "412"):
                raise
            there = self._s3.head_object(Bucket=self.bucket, Key=key)
            if there.get("Metadata", {}).get(_MARK) != token:
                raise ConditionLost(f"{key} exists already or has changed; nothing was written") from error

    def _which(self) -> dict[str, str]:
        which = {"Bucket": self.bucket, "Key": self.key}
        if self.version_id is not None:
            which["VersionId"] = self.version_id
        return which

    def _open(self) -> Any:
        pin = {"IfMatch": self._head.etag} if self._head else {}
        try:
            answer = self._s3.get_object(**self._which(), **pin)
        except ClientError as error:
            if error.response["Error"]["Code"] in ("PreconditionFailed", "412"):
                raise RetryLater(f"the object changed while it was read (it had ETag {pin.get('IfMatch')})") from error
            raise
        self._head = self._head or _head(answer)
        return answer["Body"]


def _head(answer: Any) -> Head:
    return Head(
        etag=answer["ETag"].strip('"'),
        size=answer["ContentLength"],
        content_type=answer.get("ContentType", ""),
        metadata=dict(answer.get("Metadata", {})),
        version_id=answer.get("VersionId"),
    )
