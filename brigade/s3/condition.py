"""The condition of a write, as a value: only if absent, only if unchanged, or none."""

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True)
class Absent:
    """Write only if no current object has the key (``If-None-Match: *``)."""


@dataclass(frozen=True)
class Matches:
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
