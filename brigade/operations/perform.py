"""The handler's core: runs an operation over each task of an invocation."""

import time
from collections.abc import Callable

from brigade.operations.arguments import typed
from brigade.operations.deadline import deadline
from brigade.operations.invocation import Invocation, Result, Task
from brigade.operations.object import S3, Object
from brigade.operations.operation import Operation
from brigade.operations.outcome import OutOfTime, line, of_error


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
