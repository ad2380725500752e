"""Objects of S3: conditional writes that settle unclear answers, bounded multipart uploads, bounded reads."""

from brigade.s3.condition import Absent, Condition, Matches
from brigade.s3.location import Location
from brigade.s3.writer import Writer

__all__ = ["Absent", "Condition", "Location", "Matches", "Writer"]
