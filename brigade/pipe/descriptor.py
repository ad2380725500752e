"""Bytes from and to file descriptors: stdin, stdout, the pipe of a program."""

import os
from collections.abc import Iterable
from contextlib import suppress
from typing import Protocol

from brigade.errors import BrigadeError
from brigade.pipe.quantity import MIB

_PIPE_SIZE = 1031  # F_SETPIPE_SZ of Linux


class Watch(Protocol):
    """What sees every byte of the input."""

    def update(self, block: memoryview) -> None:
        """Take the next bytes."""


def fill_from(fd: int, room: memoryview) -> int:
    """Read once, as much as is there and fits ``room``, and say how much; 0 is the end.

    Fails with BrigadeError when reading fails: that is never taken for an end.
    """
    try:
        return os.readv(fd, [room])
    except OSError as error:
        raise BrigadeError(f"reading the input failed: {error.strerror}; nothing was published") from error


def widen(fd: int) -> None:
    """Ask for a pipe of 1 MiB, so that a second of input is some hundred reads, not some ten thousand."""
    with suppress(ImportError, OSError):  # not Linux, or no pipe
        import fcntl

        fcntl.fcntl(fd, _PIPE_SIZE, MIB)


def write_out(fd: int, blocks: Iterable[memoryview | bytes], watches: Iterable[Watch]) -> None:
    """Write all blocks to stdout, `fd`, past the watches.

    Raises:
        BrokenPipeError: Nobody reads it any more.
        BrigadeError: It cannot be written: it is closed, its disk is full. No block is asked for if it is closed.
    """
    watches = list(watches)
    widen(fd)
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
