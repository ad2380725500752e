"""S3's own operations: a task is one call of the S3 API with the job role's credentials.

Operations: https://docs.aws.amazon.com/AmazonS3/latest/userguide/batch-ops-operations.html
"""

import base64
import hashlib
import json
import zlib
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote_plus

from botocore.exceptions import BotoCoreError, ClientError

from local.jobs.manifest import Row
from local.jobs.tasks import Outcome

_Parameters = Mapping[str, Any]
_PIECE = 1 << 20


def run(row: Row, operation: Mapping[str, Any], s3: Any) -> Outcome:
    """Run the task of one row once, and return its outcome.

    Args:
        row: from the manifest; an empty version fails without a call, as S3 fails it.
        operation: the request's ``Operation``, one member of :data:`OPERATIONS`.
        s3: a client with the job role's credentials.
    """
    if row.version == "":
        return Outcome(False, "400", "InvalidRequest", "Task failed due to missing VersionId")
    name, parameters = next(iter(operation.items()))
    place = {"Bucket": row.bucket, "Key": unquote_plus(row.key)}
    if row.version is not None:
        place["VersionId"] = row.version
    try:
        return Outcome(True, "200", "", OPERATIONS[name](s3, place, parameters) or "Successful")
    except ClientError as error:
        status = str(error.response["ResponseMetadata"]["HTTPStatusCode"])
        code, message = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
        return Outcome(False, status, code, message, again=status.startswith("5"))
    except BotoCoreError as error:
        return Outcome(False, "500", "InternalError", str(error), again=True)


def _tag(s3: Any, place: dict[str, str], parameters: _Parameters) -> None:
    s3.put_object_tagging(**place, Tagging={"TagSet": parameters.get("TagSet", [])})


def _untag(s3: Any, place: dict[str, str], _: _Parameters) -> None:
    s3.delete_object_tagging(**place)


def _acl(s3: Any, place: dict[str, str], parameters: _Parameters) -> None:
    policy = parameters["AccessControlPolicy"]
    if "CannedAccessControlList" in policy:
        s3.put_object_acl(**place, ACL=policy["CannedAccessControlList"])
    else:
        s3.put_object_acl(**place, AccessControlPolicy=policy["AccessControlList"])


def _restore(s3: Any, place: dict[str, str], parameters: _Parameters) -> None:
    wanted: dict[str, Any] = {"GlacierJobParameters": {"Tier": parameters.get("GlacierJobTier", "STANDARD").title()}}
    if "ExpirationInDays" in parameters:
        wanted["Days"] = parameters["ExpirationInDays"]
    s3.restore_object(**place, RestoreRequest=wanted)


def _hold(s3: Any, place: dict[str, str], parameters: _Parameters) -> None:
    s3.put_object_legal_hold(**place, LegalHold=parameters["LegalHold"])


def _retain(s3: Any, place: dict[str, str], parameters: _Parameters) -> None:
    bypass = {"BypassGovernanceRetention": True} if parameters.get("BypassGovernanceRetention") else {}
    s3.put_object_retention(**place, Retention=parameters["Retention"], **bypass)


def _copy(s3: Any, place: dict[str, str], parameters: _Parameters) -> None:
    copied = {
        name: parameters[name]
        for name in ("MetadataDirective", "StorageClass", "ChecksumAlgorithm")
        if name in parameters
    }
    if "NewObjectTagging" in parameters:
        pairs = ((tag["Key"], tag["Value"]) for tag in parameters["NewObjectTagging"])
        copied |= {"TaggingDirective": "REPLACE", "Tagging": "&".join(f"{key}={value}" for key, value in pairs)}
    s3.copy_object(
        CopySource=place,
        Bucket=parameters["TargetResource"].removeprefix("arn:aws:s3:::"),
        Key=parameters.get("TargetKeyPrefix", "") + place["Key"],
        **copied,
    )


def _checksum(s3: Any, place: dict[str, str], parameters: _Parameters) -> str:
    algorithm = parameters.get("ChecksumAlgorithm", "CRC32")
    answer = s3.get_object(**place)
    crc, digest = 0, hashlib.new("sha1" if algorithm == "SHA1" else "sha256", usedforsecurity=False)
    while piece := answer["Body"].read(_PIECE):
        crc = zlib.crc32(piece, crc)
        digest.update(piece)
    value = crc.to_bytes(4, "big") if algorithm == "CRC32" else digest.digest()
    said = {
        "checksum_base64": base64.b64encode(value).decode(),
        "etag": answer["ETag"].strip('"'),
        "checksumAlgorithm": algorithm,
        "checksumType": "FULL_OBJECT",
        "checksum_hex": value.hex().upper(),
    }
    return json.dumps(said, separators=(",", ":")).replace("=", "\\u003d")


OPERATIONS: Mapping[str, Callable[[Any, dict[str, str], _Parameters], str | None]] = {
    "S3PutObjectTagging": _tag,
    "S3DeleteObjectTagging": _untag,
    "S3PutObjectAcl": _acl,
    "S3InitiateRestoreObject": _restore,
    "S3PutObjectLegalHold": _hold,
    "S3PutObjectRetention": _retain,
    "S3PutObjectCopy": _copy,
    "S3ComputeObjectChecksum": _checksum,
}
"""The operations that run here, by the member of the request."""

CHECKSUMS = frozenset({"CRC32", "SHA1", "SHA256"})
"""The checksum algorithms that are computed."""
