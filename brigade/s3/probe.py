"""Whether a server holds the conditions of writes: found by writes beside the key that it must refuse."""

from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from brigade.errors import UsageError
from brigade.s3.condition import Absent, Condition
from brigade.s3.location import Location
from brigade.s3.refusal import code, failures, refusal, refused, status
from brigade.s3.settle import LOST, new_token

_NO_ETAG = '"00000000000000000000000000000000"'
_AWS = (".amazonaws.com", ".amazonaws.com.cn", ".amazonaws.eu")
_held: set[tuple[str, str, str]] = set()


def require_conditions(client: Any, location: Location, condition: Condition) -> None:
    """Return if the server holds `condition` on PutObject and on CompleteMultipartUpload. AWS is not asked.

    An empty object beside the key is written, replaced against a condition by both calls, and deleted. That happens
    once for an endpoint, bucket and kind of condition in a process. Not called by what only reads.

    Raises:
        UsageError: The server passes over the condition, so that a writer would replace what another one wrote.
        BrigadeError: The server cannot be asked: the object beside the key may not be written, for example.
    """
    endpoint = getattr(getattr(client, "meta", None), "endpoint_url", None)
    if condition is None or endpoint is None or (urlsplit(endpoint).hostname or "").endswith(_AWS):
        return
    name, broken = ("IfNoneMatch", "*") if isinstance(condition, Absent) else ("IfMatch", _NO_ETAG)
    asked = (endpoint, location.bucket, name)
    if asked in _held:
        return
    beside = Location(location.bucket, f"{location.key}.brigade-probe-{new_token()}")
    try:
        passed_over = _passed_over(client, beside, {name: broken})
    finally:
        with suppress(*failures()):
            client.delete_object(Bucket=beside.bucket, Key=beside.key)
    if passed_over:
        raise UsageError(
            f"the server at {endpoint} passes over {name} of {passed_over}, so that {location} could be replaced "
            "unseen: leave --no-overwrite and --if-match out, or use another server; nothing was written"
        )
    _held.add(asked)


def _passed_over(client: Any, beside: Location, broken: dict[str, str]) -> str | None:
    """Return the call that wrote against the condition; None if both were refused."""
    place = {"Bucket": beside.bucket, "Key": beside.key}
    with refused("probe conditions by writing", *beside):
        client.put_object(**place, Body=b"")
    if not _refuses(lambda: client.put_object(**place, Body=b"", **broken), beside):
        return "PutObject"
    with refused("probe conditions by writing", *beside):
        upload = {**place, "UploadId": client.create_multipart_upload(**place)["UploadId"]}
        part = {"PartNumber": 1, "ETag": client.upload_part(**upload, PartNumber=1, Body=b"x")["ETag"]}
    try:
        complete = {**upload, "MultipartUpload": {"Parts": [part]}, **broken}
        return (
            None
            if _refuses(lambda: client.complete_multipart_upload(**complete), beside)
            else ("CompleteMultipartUpload")
        )
    finally:
        with suppress(*failures()):
            client.abort_multipart_upload(**upload)


def _refuses(write: Any, beside: Location) -> bool:
    try:
        write()
    except failures() as error:
        if code(error) in LOST or status(error) in {409, 412}:
            return True
        raise refusal(error, "probe conditions by writing", *beside) from error
    return False
