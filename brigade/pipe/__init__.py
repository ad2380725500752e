"""Streams to and from S3 objects: parallel, verified, never truncated.

`open_write` publishes the whole stream or nothing. `open_read` reads an object and verifies its checksum.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from brigade.pipe.read import open_read
    from brigade.pipe.write import open_write

__all__ = ["open_read", "open_write"]


def __getattr__(name: str) -> Any:
    if name == "open_read":
        from brigade.pipe.read import open_read  # a program that only writes starts without it

        return open_read
    if name == "open_write":
        from brigade.pipe.write import open_write

        return open_write
    raise AttributeError(name)
