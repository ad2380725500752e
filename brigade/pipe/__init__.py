"""Streams to and from objects of S3: parallel, verified, never cut short.

``open_write`` publishes what was written whole, or nothing; ``open_read`` gives the bytes that S3 was given, proved.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from brigade.pipe.read import open_read
    from brigade.pipe.write import open_write

__all__ = ["open_read", "open_write"]


def __getattr__(name: str) -> Any:
    if name == "open_read":
        from brigade.pipe.read import open_read  # who only writes starts without it, and the other way round

        return open_read
    if name == "open_write":
        from brigade.pipe.write import open_write

        return open_write
    raise AttributeError(name)
