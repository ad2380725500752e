"""The core of the handler: run an operation over each task of an invocation, within the function's time."""

import contextlib
import signal
import time
from collections.abc import Callable, Iterator
from types import FrameType

from brigade.operations.arguments import parse_arguments
from brigade.operations.invocation import Invocation, Task, TaskResult
from brigade.operations.object import Object
from brigade.operations.operation import Operation
from brigade.operations.outcome import OutOfTime, classify_error, report_text
from brigade.s3.client_type import S3Client

_MARGIN_S = 3.0
_AGAIN_S = 1.0


@contextlib.contextmanager
def deadline(remaining_s: float) -> Iterator[None]:
    """Raise OutOfTime in the body before `remaining_s` seconds are over: 3 s before, or a fifth of the time if less.

    S3 counts a function that times out as a permanent failure, so the function must respond before that. Lambda runs
    handlers in the main thread, so a timer signal can interrupt the body. It ends sleeps, locks and socket calls, and
    the body's `finally` blocks abort unfinished work. A thread in place of the signal would continue in the next
    invocation and write there. The signal repeats each second, in case a library catches the first one. It cannot stop
    C code that never returns; S3 reports that as "Task timed out".

    Works only in the main thread (ValueError elsewhere). No timer runs outside of the body.
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
    s3: S3Client,
    remaining_s: float,
    *,
    now: Callable[[], float] = time.monotonic,
) -> list[TaskResult]:
    """Return exactly one result for each task before `remaining_s` seconds are over. Never raises an operation's error.

    The codes are those of `classify_error`. An invalid argument, a key that is not UTF-8 and a MemoryError are
    permanent. A task without time left is not started: TemporaryFailure.
    """
    end = now() + remaining_s
    return [_one(operation, invocation, task, s3, end - now()) for task in invocation.tasks]


def _one(operation: Operation, invocation: Invocation, task: Task, s3: S3Client, remaining_s: float) -> TaskResult:
    try:
        with deadline(remaining_s):
            arguments = parse_arguments(operation.arguments, invocation.arguments)
            text = operation.run(Object(s3, task.bucket, task.key, task.version_id), arguments)
            return TaskResult(task, "Succeeded", report_text(str(text), operation.text_bytes))
    except (Exception, SystemExit, OutOfTime) as error:  # noqa: BLE001 - whatever an operation raises is its task's failure
        code, text = classify_error(error, operation.text_bytes)
        return TaskResult(task, code, text, error)
