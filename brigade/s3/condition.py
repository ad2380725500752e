"""The condition of a write, as a value: only if absent, only if unchanged, or none."""

from typing import NamedTuple, TypeAlias


class Absent:
    """Write only if no current object has the key (``If-None-Match: *``)."""


class Matches(NamedTuple):
    """Write only if the current object has this ETag (``If-Match``)."""

    etag: str


Condition: TypeAlias = Absent | Matches | None


def headers(condition: Condition) -> dict[str, str]:
    """Give the condition as boto3's arguments of PutObject and CompleteMultipartUpload."""
    if isinstance(condition, Absent):
        return {"IfNoneMatch": "*"}
    if isinstance(condition, Matches):
        return {"IfMatch": condition.etag}
    return {}
