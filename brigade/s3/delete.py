"""Delete an object."""

from typing import Any, Protocol

from brigade.errors import ConditionLost, RetryLater
from brigade.s3.condition import Matches
from brigade.s3.head import Heads, head
from brigade.s3.refusal import absent, code, failures, refusal
from brigade.s3.settle import LOST, TRIES, pause


class Deletes(Heads, Protocol):
    """The calls that deleting needs. ``head_object`` is called only where a condition did not hold."""

    def delete_object(self, **arguments: Any) -> Any:
        """DeleteObject."""


def delete(
    client: Deletes, bucket: str, key: str, *, condition: Matches | None = None, version_id: str | None = None
) -> None:
    """Delete the current version, if ``condition`` holds; an absent object is no error.

    A condition that did not hold is settled by a look at the object: after a lost answer, the client's own retry finds
    the object deleted, and some servers call that a failed condition.

    Args:
        version_id: Delete that version for good. Without it a bucket with versions keeps the bytes, and bills them.

    Raises:
        ConditionLost: The object has another ETag. It was not deleted. The message names both.
        RetryLater: S3 did not answer, or answered several times that another request works on the object.
        NotFound: There is no such bucket.
    """
    arguments = {"IfMatch": condition.etag} if condition else {}
    if version_id is not None:
        arguments["VersionId"] = version_id
    where = f"s3://{bucket}/{key}"
    for attempt in range(TRIES):
        try:
            client.delete_object(Bucket=bucket, Key=key, **arguments)
        except failures() as error:
            if absent(error) and code(error) != "NoSuchBucket":
                return
            if condition is None or code(error) not in LOST:
                raise refusal(error, "delete", bucket, key) from error
            found = head(client, bucket, key)
            if found is None:
                return
            if found.etag.strip('"') != condition.etag.strip('"'):
                raise ConditionLost(
                    f"{where} was changed by another writer: expected ETag {condition.etag}, it is ETag {found.etag}; "
                    "that was not deleted"
                ) from error
            pause(attempt)
        else:
            return
    raise RetryLater(f"cannot delete {where} now: another request works on it; try again later")
