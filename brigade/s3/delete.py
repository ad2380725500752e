"""Delete an object."""

from typing import Any, Protocol

from brigade.errors import ConditionLost
from brigade.s3.condition import Matches
from brigade.s3.refusal import absent, code, failures, refusal


class Deletes(Protocol):
    """The call that deleting needs."""

    def delete_object(self, **arguments: Any) -> Any:
        """DeleteObject."""


def delete(
    client: Deletes, bucket: str, key: str, *, condition: Matches | None = None, version_id: str | None = None
) -> None:
    """Delete the current version, if ``condition`` holds; an absent object is no error.

    With ``version_id`` that version, for good: without it a bucket with versions keeps the bytes, and bills them.
    Fails with ConditionLost when the object has another ETag, with NotFound when there is no such bucket.
    """
    arguments = {"IfMatch": condition.etag} if condition else {}
    if version_id is not None:
        arguments["VersionId"] = version_id
    try:
        client.delete_object(Bucket=bucket, Key=key, **arguments)
    except failures() as error:
        if absent(error) and code(error) != "NoSuchBucket":
            return
        if code(error) in {"PreconditionFailed", "ConditionalRequestConflict", "412", "409"}:
            raise ConditionLost(f"s3://{bucket}/{key} was changed by another writer; it was not deleted") from error
        raise refusal(error, "delete", bucket, key) from error
