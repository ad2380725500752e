"""The address of an object: `s3://bucket/key`."""

import re
from typing import NamedTuple, Self

from brigade.errors import UsageError

_BUCKET = r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"


class Location(NamedTuple):
    """A bucket and a key. Nothing in the key is decoded."""

    bucket: str
    key: str

    @classmethod
    def parse(cls, uri: str) -> Self:
        """Parse `s3://bucket/key`. The key is everything behind the first slash, and may be empty.

        Raises:
            UsageError: It has another form.
        """
        found = re.fullmatch(rf"s3://({_BUCKET})(?:/(.*))?", uri, re.DOTALL)
        if not found:
            raise UsageError(f"{uri!r} is no address of S3; it takes s3://bucket/key")
        return cls(found[1], found[2] or "")

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"
