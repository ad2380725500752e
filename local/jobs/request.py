"""CreateJob requests: rules beyond the service model, and operations that are not supported here."""

import re
from collections.abc import Sequence
from typing import Any

from local.jobs import native
from local.jobs.wire import Fault, request_body

_MOST_TAGS = 50
_FILTERS = frozenset(
    {
        *("CreatedAfter", "CreatedBefore", "KeyNameConstraint", "ObjectSizeGreaterThanBytes"),
        *("ObjectSizeLessThanBytes", "MatchAnyStorageClass"),
    }
)
_TAG = re.compile(r"[\w\s.:/=+\-@]*")


def read(body: bytes) -> dict[str, Any]:
    """Validate a CreateJob request that this machine can run.

    Raises:
        Fault: BadRequestException for what S3 refuses; NotImplemented for operations, filters and checksums that this
            machine does not have, which are never pretended.
    """
    request = request_body("CreateJob", body)
    operation = next(iter(request["Operation"]), None)
    if operation is None or len(request["Operation"]) > 1:
        raise _bad("Operation takes exactly one member")
    if ("Manifest" in request) == ("ManifestGenerator" in request):
        raise _bad("exactly one of Manifest and ManifestGenerator must be given")
    if operation == "LambdaInvoke":
        _check_invocation(request["Operation"][operation])
    else:
        _check_native(operation, request["Operation"][operation])
    if "Manifest" in request:
        _check_manifest(request["Manifest"])
    else:
        _check_generator(request["ManifestGenerator"])
    report = request["Report"]
    if report["Enabled"] and not {"Bucket", "Format", "ReportScope"} <= report.keys():
        raise _bad("an enabled Report needs Bucket, Format and ReportScope")
    check_tags(request.get("Tags", []))
    return request


def check_tags(tags: Sequence[dict[str, str]]) -> dict[str, str]:
    """Return tags as a dict.

    Raises:
        Fault: More than 50 tags, a key twice, or a character that tags do not allow.
    """
    if len(tags) > _MOST_TAGS:
        raise Fault("TooManyTagsException", f"A job takes {_MOST_TAGS} tags at most, not {len(tags)}")
    if len({tag["Key"] for tag in tags}) < len(tags):
        raise _bad("Tags hold a key twice")
    for tag in tags:
        if not (_TAG.fullmatch(tag["Key"]) and _TAG.fullmatch(tag["Value"])):
            raise _bad(f"tag {tag['Key']} holds a character that tags do not take")
    return {tag["Key"]: tag["Value"] for tag in tags}


def _check_invocation(invocation: dict[str, Any]) -> None:
    if "FunctionArn" not in invocation:
        raise _bad("LambdaInvoke.FunctionArn is required")
    schema = invocation.get("InvocationSchemaVersion", "1.0")
    if schema not in {"1.0", "2.0"}:
        raise _bad(f"LambdaInvoke.InvocationSchemaVersion must be 1.0 or 2.0, not {schema}")
    if schema == "1.0" and "UserArguments" in invocation:
        raise _bad("LambdaInvoke.UserArguments needs InvocationSchemaVersion 2.0")


def _check_native(operation: str, parameters: dict[str, Any]) -> None:
    if operation not in native.OPERATIONS:
        raise Fault("NotImplemented", f"The local AWS does not run {operation}", 501)
    if operation == "S3PutObjectCopy" and "TargetResource" not in parameters:
        raise _bad("S3PutObjectCopy.TargetResource is required")
    algorithm = parameters.get("ChecksumAlgorithm", "CRC32")
    if operation == "S3ComputeObjectChecksum" and algorithm not in native.CHECKSUMS:
        raise Fault("NotImplemented", f"The local AWS does not compute {algorithm}", 501)


def _check_generator(generated: dict[str, Any]) -> None:
    generator = generated["S3JobManifestGenerator"]
    for name, values in generator.get("Filter", {}).get("KeyNameConstraint", {}).items():
        if len(values) > 1:
            raise _bad(f"KeyNameConstraint.{name} takes one string, not {len(values)}")
    if generator["EnableManifestOutput"] and "ManifestOutputLocation" not in generator:
        raise _bad("ManifestOutputLocation is required where EnableManifestOutput is true")
    if missing := sorted(set(generator.get("Filter", {})) - _FILTERS):
        raise Fault("NotImplemented", f"The local AWS does not filter by {', '.join(missing)}", 501)


def _check_manifest(manifest: dict[str, Any]) -> None:
    fields = manifest["Spec"].get("Fields")
    if manifest["Spec"]["Format"] == "S3BatchOperations_CSV_20180820":
        if not fields:
            raise _bad("Manifest.Spec.Fields is required for S3BatchOperations_CSV_20180820")
        named = [name for name in fields if name != "Ignore"]
        if len(set(named)) < len(named):
            raise _bad("Manifest.Spec.Fields names a column twice")
    elif fields:
        raise _bad("Manifest.Spec.Fields is not taken for an inventory report: its manifest.json says the columns")
    if not re.fullmatch(r"arn:aws:s3:::[^/]+/.+", manifest["Location"]["ObjectArn"], re.DOTALL):
        raise _bad("Manifest.Location.ObjectArn must be arn:aws:s3:::BUCKET/KEY")


def _bad(problem: str) -> Fault:
    return Fault("BadRequestException", f"Request invalid: {problem}")
