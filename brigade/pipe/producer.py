"""Run the program whose output is piped, so that its exit status is known."""

import os
import signal
import subprocess
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from brigade.errors import BrigadeError

_PIPE_BYTES = 1024 * 1024
_GRACE_S = 10.0
_NOT_FOUND, _NOT_RUN = 127, 126


class ProducerFailed(BrigadeError):
    """The program failed. `exit_status` is its own, or 128 + the signal that ended it."""

    def __init__(self, message: str, exit_status: int) -> None:
        super().__init__(message)
        self.exit_status = exit_status


class Producer:
    """A running program. Its stdout is the pipe `fd`; it shares stderr and stdin with this process.

    Leaving the block before the program has ended sends SIGTERM, and SIGKILL ten seconds later.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self._command = list(command)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def fd(self) -> int:
        """The file descriptor of its output."""
        process = self._running()
        return process.stdout.fileno() if process.stdout else -1

    def finish(self) -> None:
        """Wait until the program has ended.

        Raises:
            ProducerFailed: Its exit status is not 0.
        """
        status = self._running().wait()
        if status == 0:
            return
        name = self._command[0]
        if status < 0:
            ended = f"{name} was ended by {signal.Signals(-status).name}"
            raise ProducerFailed(f"{ended}; nothing was published", 128 - status)
        raise ProducerFailed(f"{name} exited with status {status}; nothing was published", status)

    def __enter__(self) -> Self:
        name = repr(self._command[0])
        try:
            self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, pipesize=_PIPE_BYTES, bufsize=0)
        except FileNotFoundError as error:
            raise ProducerFailed(f"there is no program {name}; nothing was published", _NOT_FOUND) from error
        except OSError as error:
            reason = os.strerror(error.errno or 0)
            raise ProducerFailed(f"cannot run {name}: {reason}; nothing was published", _NOT_RUN) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        process = self._running()
        if process.stdout:
            process.stdout.close()
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(_GRACE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _running(self) -> "subprocess.Popen[bytes]":
        if self._process is None:
            raise RuntimeError("the program runs only inside the block")
        return self._process
