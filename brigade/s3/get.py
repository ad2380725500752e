"""Read a small object whole."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from brigade.errors import InvalidData
from brigade.s3.refusal import absent, code, complete, failures, refusal, refused


class Gets(Protocol):
    """The call that reading needs."""

    def get_object(self, **arguments: Any) -> Any:
        """GetObject."""


class Got(NamedTuple):
    """An object's bytes, and which version they are."""

    body: bytes
    etag: str
    version_id: str | None
    metadata: Mapping[str, str]
    age: float
    """The seconds since it was written, by S3's clock."""


def get(
    client: Gets, bucket: str, key: str, *, version_id: str | None = None, limit: int = 64 * 1024 * 1024
) -> Got | None:
    """Give the object whole, or what it was as ``version_id``; None if there is none.

    Memory: the object, ``limit`` bytes at most; a larger one is InvalidData and is not read. Absent is known only to
    who may ``s3:ListBucket``; see ``head``.

    Fails with NotFound when there is no such bucket, with RetryLater when S3 does not answer now or the answer is not
    whole, with BrigadeError when not allowed.
    """
    try:
        asked = {"VersionId": version_id} if version_id is not None else {}
        answer = client.get_object(Bucket=bucket, Key=key, **asked)
    except failures() as error:
        if absent(error) and code(error) != "NoSuchBucket":
            return None
        raise refusal(error, "read", bucket, key) from error
    with answer["Body"] as stream, refused("read", bucket, key), complete("read", bucket, key):
        if answer["ContentLength"] > limit:
            raise InvalidData(f"s3://{bucket}/{key} has {answer['ContentLength']} bytes, more than the {limit} allowed")
        body = stream.read()
        return Got(body, answer["ETag"], answer.get("VersionId"), answer.get("Metadata", {}), _age(answer))


def _age(answer: Any) -> float:
    from email.utils import parsedate_to_datetime  # takes 10 ms to load, and ranges are read without

    said = answer["ResponseMetadata"]["HTTPHeaders"]["date"]
    return max(0.0, float((parsedate_to_datetime(said) - answer["LastModified"]).total_seconds()))
