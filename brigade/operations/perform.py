"""The handler's core: runs an operation over each task of an invocation, within the function's time."""

import contextlib
import signal
import time
from collections.abc import Callable, Iterator
from types import FrameType

from brigade.operations.arguments import parse_arguments
from brigade.operations.invocation import Invocation, Task, TaskResult
from brigade.operations.object import S3, Object
from brigade.operations.operation import Operation
from brigade.operations.outcome import OutOfTime, classify_error, report_text

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


def perform_tasks(
    operation: Operation,
    invocation: Invocation,
    s3: S3,
    remaining_s: float,
    *,
    now: Callable[[], float] = time.monotonic,
) -> list[TaskResult]:
    """Give exactly one result for each task, before ``remaining_s`` is over; nothing that an operation raises gets out.

    The codes are those of ``outcome.classify_error``; a wrong argument, a key that is not UTF-8 and a MemoryError are
    permanent. A task that the time does not allow any more is not begun: TemporaryFailure.
    """
    end = now() + remaining_s
    return [_one(operation, invocation, task, s3, end - now()) for task in invocation.tasks]


def _one(operation: Operation, invocation: Invocation, task: Task, s3: S3, remaining_s: float) -> TaskResult:
    try:
        with deadline(remaining_s):
            arguments = parse_arguments(operation.arguments, invocation.arguments)
            text = operation.run(Object(s3, task.bucket, task.key, task.version_id), arguments)
            return TaskResult(task, "Succeeded", report_text(str(text), operation.text_bytes))
    except (Exception, SystemExit, OutOfTime) as error:  # noqa: BLE001 - whatever an operation raises is its task's failure
        code, text = classify_error(error, operation.text_bytes)
        return TaskResult(task, code, text, error)
