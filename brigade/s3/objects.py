"""Single objects: head, get, put, delete, and the result of a write whose answer is ambiguous.

An object that does not exist is recognized only with `s3:ListBucket`. Without that permission S3 answers 403, which
fails here as not allowed (https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html).
"""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple

from brigade.errors import ConditionLost, InvalidData, RetryLater
from brigade.headers import check_metadata
from brigade.s3.checksum import CRC32, ChecksumAlgorithm
from brigade.s3.client_type import S3Client
from brigade.s3.conditions import (
    LOST_CODES,
    TOKEN,
    TRIES,
    Absent,
    Condition,
    Matches,
    condition_arguments,
    is_ambiguous,
    is_final_refusal,
    new_token,
    pause,
    same_etag,
)
from brigade.s3.errors import (
    client_errors,
    error_code,
    is_absent,
    require_fields,
    translate_error,
    translate_errors,
)
from brigade.s3.location import Location

_FIELD, _TYPE = "Checksum", "ChecksumType"


class ObjectHead(NamedTuple):
    """One version of an object, without its bytes.

    Attributes:
        etag: As S3 writes it, in quotes.
        size: Bytes.
        checksums: By algorithm, if they were asked for: `{"CRC64NVME": "…"}`.
        whole: Whether the checksums are of the whole object, not of its parts' checksums.
        encryption: `AES256`, `aws:kms`, `SSE-C` …
    """

    etag: str
    size: int
    version_id: str | None
    modified: datetime
    metadata: Mapping[str, str]
    checksums: Mapping[str, str] = MappingProxyType({})
    whole: bool = False
    encryption: str | None = None

    @property
    def etag_is_md5(self) -> bool:
        """True if the ETag is the MD5 of the bytes, or of the parts' MD5s. Under KMS or a customer's key it is not."""
        return self.encryption in {None, "AES256"}


class ObjectBody(NamedTuple):
    """The bytes of one version of an object. `age`: seconds since it was written, by S3's clock."""

    body: bytes
    etag: str
    version_id: str | None
    metadata: Mapping[str, str]
    age: float


class WriteResult(NamedTuple):
    """A write that is known to have happened: the new version, and its checksum if S3's answer has it."""

    etag: str
    version_id: str | None
    checksum: str | None = None


def head(
    client: S3Client, bucket: str, key: str, *, checksum: bool = False, version_id: str | None = None
) -> ObjectHead | None:
    """Return the current version of an object, or the version `version_id`; None if it does not exist.

    Args:
        checksum: Whether to ask for the checksums too.

    Raises:
        RetryLater: S3 does not answer now, or its answer lacks a field.
        BrigadeError: Not allowed.
    """
    arguments: dict[str, Any] = {"ChecksumMode": "ENABLED"} if checksum else {}
    if version_id is not None:
        arguments["VersionId"] = version_id
    try:
        answer: Mapping[str, Any] = client.head_object(Bucket=bucket, Key=key, **arguments)
    except client_errors() as error:
        if is_absent(error):
            return None
        raise translate_error(error, "look at", bucket, key) from error
    checksums = {name[len(_FIELD) :]: answer[name] for name in answer if name.startswith(_FIELD) and name != _TYPE}
    with require_fields("look at", bucket, key):
        return ObjectHead(
            etag=answer["ETag"],
            size=answer["ContentLength"],
            version_id=answer.get("VersionId"),
            modified=answer["LastModified"],
            metadata=answer.get("Metadata", {}),
            checksums=checksums,
            whole=answer.get(_TYPE) != "COMPOSITE" and not any("-" in value for value in checksums.values()),
            encryption="SSE-C" if "SSECustomerAlgorithm" in answer else answer.get("ServerSideEncryption"),
        )


def get(
    client: S3Client, bucket: str, key: str, *, version_id: str | None = None, limit: int = 64 * 1024 * 1024
) -> ObjectBody | None:
    """Return the whole object, or its version `version_id`; None if it does not exist.

    Memory: the object, at most `limit` bytes.

    Raises:
        InvalidData: The object is larger than `limit`. It is not read.
        NotFound: There is no such bucket.
        RetryLater: S3 does not answer now, or its answer lacks a field.
        BrigadeError: Not allowed.
    """
    try:
        arguments: dict[str, Any] = {"VersionId": version_id} if version_id is not None else {}
        answer: Any = client.get_object(Bucket=bucket, Key=key, **arguments)
    except client_errors() as error:
        if is_absent(error) and error_code(error) != "NoSuchBucket":
            return None
        raise translate_error(error, "read", bucket, key) from error
    with answer["Body"] as stream, translate_errors("read", bucket, key), require_fields("read", bucket, key):
        if answer["ContentLength"] > limit:
            raise InvalidData(f"s3://{bucket}/{key} has {answer['ContentLength']} bytes, more than the {limit} allowed")
        body = stream.read()
        return ObjectBody(body, answer["ETag"], answer.get("VersionId"), answer.get("Metadata", {}), _age(answer))


def put(
    client: S3Client,
    bucket: str,
    key: str,
    body: bytes | bytearray,
    *,
    condition: Condition = None,
    metadata: Mapping[str, str] | None = None,
    content_type: str = "binary/octet-stream",
    token: str | None = None,
    checksum: ChecksumAlgorithm = CRC32,
    attributes: Mapping[str, Any] | None = None,
) -> WriteResult:
    """Write a small object, whole or not at all, and only under `condition`. On return the object is there.

    After an ambiguous answer the current object decides. Memory: the body, which the caller holds.

    Args:
        metadata: ASCII text.
        token: Identifies this write in the metadata (`new_token`). Pass it if a run that was killed may have sent the
            same write.
        attributes: More arguments of PutObject, by boto3's names: `StorageClass`, `Tagging` …

    Raises:
        UsageError: A header cannot carry the metadata. Nothing was sent.
        ConditionLost: Another write won.
        RetryLater: S3 does not take it now. As far as the current object shows, nothing was written.
        NotFound: There is no such bucket.
        BrigadeError: Not allowed.
    """
    token = token or new_token()
    marked = {**(metadata or {}), TOKEN: token}
    check_metadata(marked)
    arguments: dict[str, Any] = {
        "ContentType": content_type,
        "Metadata": marked,
        checksum.field: checksum.of(body),
        **(attributes or {}),
        **condition_arguments(condition),
    }
    certain = True
    for attempt in range(TRIES):
        try:
            answer: Mapping[str, Any] = client.put_object(Bucket=bucket, Key=key, Body=body, **arguments)
            if answer.get("ETag"):
                return WriteResult(answer["ETag"], answer.get("VersionId"), answer.get(checksum.field))
            certain = False
        except client_errors() as error:
            if not is_ambiguous(error, condition):
                raise translate_error(error, "write", bucket, key) from error
            certain = certain and is_final_refusal(error)
        try:
            if written := resolve_write(client, bucket, key, token, condition):
                return written
        except ConditionLost as lost:
            lost.certain = certain
            raise
        pause(attempt)
    raise RetryLater(f"cannot write s3://{bucket}/{key}: S3 returned no clear answer {TRIES} times; try again later")


def delete(
    client: S3Client, bucket: str, key: str, *, condition: Matches | None = None, version_id: str | None = None
) -> None:
    """Delete the current version if `condition` holds. An object that does not exist is no error.

    If the condition does not hold, the current object decides: after a lost answer, the client's own retry finds the
    object deleted, and some servers call that a failed condition.

    Args:
        version_id: Delete this version permanently. Without it, a versioned bucket keeps the bytes, and bills them.

    Raises:
        ConditionLost: The object has another ETag. It was not deleted. The message names both.
        RetryLater: S3 did not answer, or answered several times that another request works on the object.
        NotFound: There is no such bucket.
    """
    arguments: dict[str, Any] = {"IfMatch": condition.etag} if condition else {}
    if version_id is not None:
        arguments["VersionId"] = version_id
    location = Location(bucket, key)
    for attempt in range(TRIES):
        try:
            client.delete_object(Bucket=bucket, Key=key, **arguments)
        except client_errors() as error:
            if is_absent(error) and error_code(error) != "NoSuchBucket":
                return
            if condition is None or error_code(error) not in LOST_CODES:
                raise translate_error(error, "delete", bucket, key) from error
            current = head(client, bucket, key)
            if current is None:
                return
            check_condition(current, location, condition, "that was not deleted")
            pause(attempt)
        else:
            return
    raise RetryLater(f"cannot delete {location} now: another request works on it; try again later")


def resolve_write(client: S3Client, bucket: str, key: str, token: str, condition: Condition) -> WriteResult | None:
    """Return the result of the write with `token` if it is the current object; None if it may be sent again.

    Raises:
        ConditionLost: The current object is another write, against the condition. The message names both versions. A
            write that happened and was replaced at once counts as lost.
    """
    current = head(client, bucket, key)
    if current and current.metadata.get(TOKEN) == token:
        return WriteResult(current.etag, current.version_id)
    check_condition(current, Location(bucket, key), condition, "nothing was written")
    return None


def check_condition(current: ObjectHead | None, location: Location, condition: Condition, result: str) -> None:
    """Raise ConditionLost if `condition` does not hold for the current object.

    Args:
        current: The current object, None if there is none.
        result: The end of the message: `nothing was written`.
    """
    if isinstance(condition, Absent) and current:
        raise ConditionLost(f"{location} exists already, as {_version(current)}; {result}")
    if isinstance(condition, Matches) and (current is None or not same_etag(current.etag, condition.etag)):
        now = _version(current) if current else "deleted"
        raise ConditionLost(
            f"{location} was changed by another writer: expected ETag {condition.etag}, it is {now}; {result}"
        )


def _age(answer: Any) -> float:
    from email.utils import parsedate_to_datetime  # loads in 10 ms, and ranges are read without it

    date = answer["ResponseMetadata"]["HTTPHeaders"]["date"]
    return max(0.0, float((parsedate_to_datetime(date) - answer["LastModified"]).total_seconds()))


def _version(current: ObjectHead) -> str:
    return f"ETag {current.etag}" + (f" version {current.version_id}" if current.version_id else "")
