"""S3 objects: conditional writes with a definite result, multipart uploads and reads in bounded memory."""

from typing import TYPE_CHECKING, Any

from brigade.s3.conditions import Absent, Condition, Matches
from brigade.s3.location import Location

if TYPE_CHECKING:
    from brigade.s3.writer import Writer

__all__ = ["Absent", "Condition", "Location", "Matches", "Writer"]


def __getattr__(name: str) -> Any:
    if name != "Writer":
        raise AttributeError(name)
    from brigade.s3.writer import Writer  # a program that only reads starts without it

    return Writer
