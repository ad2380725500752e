"""Objects of S3: conditional writes that settle unclear answers, bounded multipart uploads, bounded reads."""

from typing import TYPE_CHECKING, Any

from brigade.s3.condition import Absent, Condition, Matches
from brigade.s3.location import Location

if TYPE_CHECKING:
    from brigade.s3.writer import Writer

__all__ = ["Absent", "Condition", "Location", "Matches", "Writer"]


def __getattr__(name: str) -> Any:
    if name != "Writer":
        raise AttributeError(name)
    from brigade.s3.writer import Writer  # who only reads starts without it

    return Writer
