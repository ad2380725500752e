"""Stops a task before the function's time is over, so that it can still be answered."""

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType

from brigade.operations.outcome import OutOfTime

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
