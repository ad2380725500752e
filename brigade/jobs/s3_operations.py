"""S3's own operations as jobs: no function is run, S3 does the work itself, with the rights of the job's role.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/batch-ops-operations.html
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec

from brigade.errors import UsageError
from brigade.operations.arguments import parse_arguments
from brigade.operations.operation import NoArguments, PriceClass

PREFIX = "s3:"
"""The prefix of their names, beside the names of functions."""

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html
_MOST_TAGS, _TAG_KEY, _TAG_VALUE = 10, 128, 256


class Copy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The arguments of a copy: the same keys after `prefix`, in the lake or in the bucket `to`."""

    prefix: Annotated[str, msgspec.Meta(max_length=1024)] = ""
    to: str = ""
    storage_class: (
        Literal["STANDARD", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE"]
        | None
    ) = None


class Acl(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Access control of an object: one of S3's canned ACLs."""

    canned: Literal[
        "private",
        "public-read",
        "public-read-write",
        "aws-exec-read",
        "authenticated-read",
        "bucket-owner-read",
        "bucket-owner-full-control",
    ]


class Restore(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The arguments of a restore: the lifetime of the copies in days, and the tier (Intelligent-Tiering: no `days`)."""

    days: Annotated[int, msgspec.Meta(ge=1)] | None = None
    tier: Literal["BULK", "STANDARD"] = "BULK"


class Hold(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The arguments of a legal hold."""

    status: Literal["ON", "OFF"]


class Retain(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The arguments of a retention: nobody may delete the objects until `until`. Without both, the retention ends."""

    mode: Literal["GOVERNANCE", "COMPLIANCE"] | None = None
    until: datetime | None = None
    bypass: bool = False


class Checksum(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The arguments of a checksum: its algorithm and type."""

    algorithm: Literal["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"] = "CRC32"
    type: Literal["FULL_OBJECT", "COMPOSITE"] = "FULL_OBJECT"


class NativeOperation(msgspec.Struct, frozen=True, kw_only=True):
    """One operation of S3's own: its arguments, its price, and its parameters in CreateJob."""

    summary: str
    arguments: type[msgspec.Struct] = NoArguments
    price: PriceClass
    """The class of its requests for one object."""
    memory_mib: int = 0
    """No function runs."""
    build: Callable[[Any, str], Mapping[str, Any]]
    """Of the typed arguments and the lake's ARN, the parameters as CreateJob wants them."""
    member: str
    """Its name in CreateJob."""

    def request(self, given: Mapping[str, str], lake: str) -> dict[str, Any]:
        """Return `Operation` of CreateJob.

        Args:
            lake: The ARN of the objects' bucket.

        Raises:
            UsageError: An argument is invalid. The message names it and its type.
        """
        arguments: Any = _tags(given) if self.member == "S3PutObjectTagging" else parse_arguments(self.arguments, given)
        return {self.member: dict(self.build(arguments, lake))}


def find_operation(name: str) -> NativeOperation | None:
    """Return the operation named `s3:…`; None for a name of another kind.

    Raises:
        UsageError: S3 has no such operation.
    """
    if not name.startswith(PREFIX):
        return None
    if name not in NATIVE_OPERATIONS:
        raise UsageError(f"S3 has no operation {name!r} of its own; there are {', '.join(NATIVE_OPERATIONS)}")
    return NATIVE_OPERATIONS[name]


def operation_name(operation: Mapping[str, Any]) -> str | None:
    """Return the name of a native operation from `Operation` of a job's description; None if it is none."""
    return next((name for name, own in NATIVE_OPERATIONS.items() if own.member in operation), None)


def _tags(given: Mapping[str, str]) -> Mapping[str, str]:
    if not 1 <= len(given) <= _MOST_TAGS:
        raise UsageError(f"{len(given)} tags; s3:tag sets 1 to {_MOST_TAGS}, each an --argument KEY=VALUE")
    for key, value in given.items():
        if len(key) > _TAG_KEY or len(value) > _TAG_VALUE:
            raise UsageError(f"tag {key[:40]}: S3 accepts {_TAG_KEY} characters of a key and {_TAG_VALUE} of a value")
    return given


def _copy(arguments: Copy, lake: str) -> Mapping[str, Any]:
    if not arguments.prefix and not arguments.to:
        raise UsageError(
            "s3:copy needs the argument prefix or to: without both, each object would be copied onto itself"
        )
    target = f"{lake.rpartition(':')[0]}:{arguments.to}" if arguments.to else lake
    return _given(TargetResource=target, TargetKeyPrefix=arguments.prefix or None, StorageClass=arguments.storage_class)


def _retain(arguments: Retain, _: str) -> Mapping[str, Any]:
    if (arguments.mode is None) != (arguments.until is None):
        raise UsageError("arguments mode and until: set both, or neither to end the retention")
    if arguments.until and arguments.until.tzinfo is None:
        raise UsageError(
            f"argument until: {arguments.until.isoformat()} has no time zone; write it as in 2027-01-01T00:00:00Z"
        )
    retention = _given(Mode=arguments.mode, RetainUntilDate=arguments.until)
    return {"Retention": retention, **({"BypassGovernanceRetention": True} if arguments.bypass else {})}


def _given(**parameters: Any) -> dict[str, Any]:
    return {name: value for name, value in parameters.items() if value is not None}


NATIVE_OPERATIONS: Mapping[str, NativeOperation] = {
    "s3:copy": NativeOperation(
        member="S3PutObjectCopy",
        summary="Copy with metadata and tags, 5 GiB an object at most, into STANDARD by default.",
        arguments=Copy,
        price="copy",
        build=_copy,
    ),
    "s3:tag": NativeOperation(
        member="S3PutObjectTagging",
        summary="Set the tags, in place of all that there are: --argument KEY=VALUE, 10 at most.",
        price="set",
        build=lambda tags, _: {"TagSet": [{"Key": key, "Value": value} for key, value in tags.items()]},
    ),
    "s3:untag": NativeOperation(
        member="S3DeleteObjectTagging",
        summary="Remove the tags.",
        price="delete",
        build=lambda _, __: {},
    ),
    "s3:acl": NativeOperation(
        member="S3PutObjectAcl",
        summary="Set a canned access control list, in a bucket that allows ACLs.",
        arguments=Acl,
        price="set",
        build=lambda given, _: {"AccessControlPolicy": {"CannedAccessControlList": given.canned}},
    ),
    "s3:restore": NativeOperation(
        member="S3InitiateRestoreObject",
        summary="Restore archived objects. It lasts hours, and the retrieval has a price of its own.",
        arguments=Restore,
        price="set",
        build=lambda given, _: _given(ExpirationInDays=given.days, GlacierJobTier=given.tier),
    ),
    "s3:hold": NativeOperation(
        member="S3PutObjectLegalHold",
        summary="Set or remove a legal hold (Object Lock).",
        arguments=Hold,
        price="set",
        build=lambda given, _: {"LegalHold": {"Status": given.status}},
    ),
    "s3:retain": NativeOperation(
        member="S3PutObjectRetention",
        summary="Forbid to delete until a date (Object Lock), or end that.",
        arguments=Retain,
        price="set",
        build=_retain,
    ),
    "s3:checksum": NativeOperation(
        member="S3ComputeObjectChecksum",
        summary="Compute a checksum of the content, into the report.",
        arguments=Checksum,
        price="checksum",
        build=lambda given, _: {"ChecksumAlgorithm": given.algorithm, "ChecksumType": given.type},
    ),
}
"""The operations that ``brigade jobs submit`` accepts, by name."""
