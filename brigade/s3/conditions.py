"""Conditional writes: the condition, the token that identifies a write, and servers that ignore conditions.

A reply can be lost, and the client's own retry then meets its own first write (412). An error can come inside a 200. A
409 says that another writer was faster, but not which one. Each write therefore has a token of its own in the object's
metadata, and `objects.resolve_write` reads the token of the current object.
"""

import os
import time
from contextlib import suppress
from typing import Any, NamedTuple, TypeAlias

from brigade.errors import UsageError
from brigade.retry import backoff
from brigade.s3.client_type import S3Client
from brigade.s3.errors import (
    client_errors,
    error_code,
    error_status,
    no_response,
    translate_error,
    translate_errors,
)
from brigade.s3.location import Location

TOKEN = "brigade-write"  # noqa: S105 - the name of a metadata entry
TRIES = 4
LOST_CODES = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "412", "409"})
"""Error codes for a condition that does not hold, or for another request on the same object."""
_NO_ETAG = '"00000000000000000000000000000000"'
_AWS = (".amazonaws.com", ".amazonaws.com.cn", ".amazonaws.eu")
_honored: set[tuple[str, str, str]] = set()


class Absent:
    """Write only if no current object has the key (`If-None-Match: *`)."""


class Matches(NamedTuple):
    """Write only if the current object has this ETag (`If-Match`)."""

    etag: str


Condition: TypeAlias = Absent | Matches | None


def condition_arguments(condition: Condition) -> dict[str, str]:
    """Return the condition as boto3's arguments of PutObject and CompleteMultipartUpload."""
    if isinstance(condition, Absent):
        return {"IfNoneMatch": "*"}
    if isinstance(condition, Matches):
        return {"IfMatch": condition.etag}
    return {}


def same_etag(one: str, other: str) -> bool:
    """Return whether two ETags are equal. S3 quotes them, other tools and servers may not."""
    return one.strip('"') == other.strip('"')


def new_token() -> str:
    """Return a token that no other write has."""
    return os.urandom(16).hex()


def is_ambiguous(error: Exception, condition: Condition) -> bool:
    """Return whether only the current object can show if the write happened."""
    if no_response(error) or error_code(error) in LOST_CODES:
        return True
    # If-Match found no object: it is deleted, or S3 answers so while another write is in progress.
    return isinstance(condition, Matches) and error_code(error) in {"NoSuchKey", "404"}


def is_final_refusal(error: Exception) -> bool:
    """Return whether S3 refused a conditional write that was sent once: it did not happen.

    After a retry by the SDK, the object of the first try may be the reason for the refusal.
    """
    metadata = (getattr(error, "response", None) or {}).get("ResponseMetadata", {})
    return error_code(error) in {"PreconditionFailed", "412"} and metadata.get("RetryAttempts") == 0


def pause(attempt: int) -> None:
    """Wait before the next try: up to 0.2 s after attempt 0, twice as long after each further one, with full jitter."""
    time.sleep(backoff(attempt, 0.2, 60.0))


def require_conditions(client: S3Client, location: Location, condition: Condition) -> None:
    """Return if the server applies `condition` to PutObject and to CompleteMultipartUpload. AWS is not tested.

    The test writes an empty object beside the key, tries to replace it against a condition by both calls, and deletes
    it. It runs once per process for an endpoint, bucket and kind of condition. Readers do not call it.

    Raises:
        UsageError: The server ignores the condition, so a writer would replace the object of another writer.
        BrigadeError: The test failed: for example, the object beside the key may not be written.
    """
    from urllib.parse import urlsplit  # readers do not need it

    endpoint = getattr(getattr(client, "meta", None), "endpoint_url", None)
    if condition is None or endpoint is None or (urlsplit(endpoint).hostname or "").endswith(_AWS):
        return
    name, broken = ("IfNoneMatch", "*") if isinstance(condition, Absent) else ("IfMatch", _NO_ETAG)
    tested = (endpoint, location.bucket, name)
    if tested in _honored:
        return
    probe = Location(location.bucket, f"{location.key}.brigade-probe-{new_token()}")
    try:
        call = _call_that_ignores(client, probe, {name: broken})
    finally:
        with suppress(*client_errors()):
            client.delete_object(Bucket=probe.bucket, Key=probe.key)
    if call:
        raise UsageError(
            f"the server at {endpoint} passes over {name} of {call}, so that {location} could be replaced "
            "unseen: leave --no-overwrite and --if-match out, or use another server; nothing was written"
        )
    _honored.add(tested)


def _call_that_ignores(client: S3Client, probe: Location, broken: dict[str, Any]) -> str | None:
    """Return the call that wrote although the condition does not hold. None: both were refused."""
    place: dict[str, Any] = {"Bucket": probe.bucket, "Key": probe.key}
    with translate_errors("probe conditions by writing", *probe):
        client.put_object(**place, Body=b"")
    if not _is_refused(lambda: client.put_object(**place, Body=b"", **broken), probe):
        return "PutObject"
    with translate_errors("probe conditions by writing", *probe):
        upload = {**place, "UploadId": client.create_multipart_upload(**place)["UploadId"]}
        part = {"PartNumber": 1, "ETag": client.upload_part(**upload, PartNumber=1, Body=b"x")["ETag"]}
    try:
        complete = {**upload, "MultipartUpload": {"Parts": [part]}, **broken}
        refused = _is_refused(lambda: client.complete_multipart_upload(**complete), probe)
        return None if refused else "CompleteMultipartUpload"
    finally:
        with suppress(*client_errors()):
            client.abort_multipart_upload(**upload)


def _is_refused(write: Any, probe: Location) -> bool:
    try:
        write()
    except client_errors() as error:
        if error_code(error) in LOST_CODES or error_status(error) in {409, 412}:
            return True
        raise translate_error(error, "probe conditions by writing", *probe) from error
    return False
