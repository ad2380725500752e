"""Read and write file descriptors: stdin, stdout, the pipe of a program."""

import os
from collections.abc import Iterable
from contextlib import suppress
from typing import Protocol

from brigade.errors import BrigadeError
from brigade.pipe.units import MIB

_PIPE_SIZE = 1031  # F_SETPIPE_SZ of Linux


class Watch(Protocol):
    """An observer of all bytes of a stream."""

    def update(self, block: memoryview) -> None:
        """Observe the next bytes."""


def read_into(fd: int, room: memoryview) -> int:
    """Read once into `room` and return the number of bytes; 0 at the end.

    Raises:
        BrigadeError: The read failed. A failure never counts as the end.
    """
    try:
        return os.readv(fd, [room])
    except OSError as error:
        raise BrigadeError(f"reading the input failed: {error.strerror}; nothing was published") from error


def widen_pipe(fd: int) -> None:
    """Enlarge a pipe to 1 MiB: a second of input is then some hundred reads, not ten thousand."""
    with suppress(ImportError, OSError):  # not Linux, or no pipe
        import fcntl

        fcntl.fcntl(fd, _PIPE_SIZE, MIB)


def write_blocks(fd: int, blocks: Iterable[memoryview | bytes], watches: Iterable[Watch]) -> None:
    """Write all blocks to `fd`. The watches observe them.

    Raises:
        BrokenPipeError: The reader has closed the pipe.
        BrigadeError: The write failed: it is closed, or its disk is full. If it is closed, no block is requested.
    """
    watches = list(watches)
    widen_pipe(fd)
    _write(fd, memoryview(b""))
    for block in blocks:
        rest = memoryview(block)
        for watch in watches:
            watch.update(rest)
        while len(rest):
            rest = rest[_write(fd, rest) :]


def _write(fd: int, block: memoryview) -> int:
    try:
        return os.write(fd, block)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise BrigadeError(f"stdout: {error.strerror}") from error
