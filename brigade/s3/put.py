"""Write a small object."""

from collections.abc import Mapping
from typing import Any, Protocol

from brigade.errors import ConditionLost, RetryLater
from brigade.headers import check_metadata
from brigade.s3.checksum import CRC32, Checksum
from brigade.s3.condition import Condition, headers
from brigade.s3.head import Heads
from brigade.s3.refusal import failures, refusal
from brigade.s3.settle import TOKEN, TRIES, Written, new_token, pause, refused_once, settle, unclear


class Puts(Heads, Protocol):
    """The calls that writing a small object needs."""

    def put_object(self, **arguments: Any) -> Any:
        """PutObject."""


def put(
    client: Puts,
    bucket: str,
    key: str,
    body: bytes | bytearray,
    *,
    condition: Condition = None,
    metadata: Mapping[str, str] | None = None,
    content_type: str = "binary/octet-stream",
    token: str | None = None,
    checksum: Checksum = CRC32,
    attributes: Mapping[str, Any] | None = None,
) -> Written:
    """Write ``body`` whole or not at all, and only under ``condition``; a return says that it is there.

    An unclear answer is settled by a look at the object. Memory: the body, which the caller holds.

    Arguments: ``metadata`` as text of ASCII; ``token``, the mark of this write in the metadata, one of
    ``settle.new_token``: given when the same write may have been sent before, by a run that was killed; ``attributes``,
    what else the object shall carry, by boto3's names of PutObject's arguments (``StorageClass``, ``Tagging`` …).
    Metadata that a header cannot carry is a UsageError, before anything is sent.

    Fails with ConditionLost when another write won, RetryLater when S3 does not take it now (nothing was written as far
    as a look can tell), NotFound without the bucket, BrigadeError when not allowed.
    """
    token = token or new_token()
    marked = {**(metadata or {}), TOKEN: token}
    check_metadata(marked)
    proof = checksum.of(body)
    certain = True
    for attempt in range(TRIES):
        try:
            answer = client.put_object(
                Bucket=bucket,
                Key=key,
                Body=body,
                ContentType=content_type,
                Metadata=marked,
                **{checksum.field: proof},
                **(attributes or {}),
                **headers(condition),
            )
            if answer.get("ETag"):
                return Written(answer["ETag"], answer.get("VersionId"), answer.get(checksum.field))
            certain = False
        except failures() as error:
            if not unclear(error, condition):
                raise refusal(error, "write", bucket, key) from error
            certain = certain and refused_once(error)
        try:
            if written := settle(client, bucket, key, token, condition):
                return written
        except ConditionLost as lost:
            lost.certain = certain
            raise
        pause(attempt)
    raise RetryLater(f"cannot write s3://{bucket}/{key} now: S3 gave no clear answer {TRIES} times; try again later")
