"""The handler's core: runs an operation over each task of an invocation, within the function's time."""

import contextlib
import signal
import time
from collections.abc import Callable, Iterator
from types import FrameType

from brigade.operations.arguments import typed
from brigade.operations.invocation import Invocation, Result, Task
from brigade.operations.object import S3, Object
from brigade.operations.operation import Operation
from brigade.operations.outcome import OutOfTime, line, of_error

_MARGIN_S = 3.0
_AGAIN_S = 1.0


@contextlib.contextmanager
def deadline(remaining_s: float) -> Iterator[None]:
    """Raise OutOfTime in the body three seconds (a fifth of the time, if that is less) before ``remaining_s`` is over.

    A function that S3 Batch Operations sees time out is a permanent failure, so the answer must come first. A timer
    signal does it, not a thread that is waited for: Lambda runs handlers in the main thread, where a signal interrupts
    sleeps, locks and sockets and unwinds the body, so that its ``finally`` blocks abort what was begun; a thread left
    behind would wake up in the next task's invocation and write there. It rings again each second, in case a library
    swallowed the first. What it cannot stop is C code that never returns; that ends as S3's own "Task timed out".

    Works in the main thread only (ValueError elsewhere). Outside the body there is no timer.
    """
    seconds = remaining_s - min(_MARGIN_S, remaining_s * 0.2)
    if seconds <= 0:
        raise OutOfTime
    previous = signal.signal(signal.SIGALRM, _ring)
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds, _AGAIN_S)
        yield
    finally:
        # Ringing may interrupt the first line itself; the next ring is a second away, so the second line runs.
        try:
            signal.setitimer(signal.ITIMER_REAL, 0)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, previous)


def _ring(signum: int, frame: FrameType | None) -> None:
    raise OutOfTime


def perform(
    operation: Operation,
    invocation: Invocation,
    s3: S3,
    remaining_s: float,
    *,
    now: Callable[[], float] = time.monotonic,
) -> list[Result]:
    """Give exactly one result for each task, before ``remaining_s`` is over; nothing that an operation raises gets out.

    The codes are those of ``outcome.of_error``; a wrong argument, a key that is not UTF-8 and a MemoryError are
    permanent. A task that the time does not allow any more is not begun: TemporaryFailure.
    """
    end = now() + remaining_s
    return [_one(operation, invocation, task, s3, end - now()) for task in invocation.tasks]


def _one(operation: Operation, invocation: Invocation, task: Task, s3: S3, remaining_s: float) -> Result:
    try:
        with deadline(remaining_s):
            arguments = typed(operation.arguments, invocation.arguments)
            text = operation.run(Object(s3, task.bucket, task.key, task.version_id), arguments)
            return Result(task, "Succeeded", line(str(text), operation.text_bytes))
    except (Exception, SystemExit, OutOfTime) as error:  # noqa: BLE001 - whatever an operation raises is its task's failure
        code, text = of_error(error, operation.text_bytes)
        return Result(task, code, text, error)
