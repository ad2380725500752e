"""The output of a function in ministack 1.5.33: read completely, and stored within bounds."""

import queue
import threading
import time
from typing import Any

from ministack.core import lambda_runtime
from ministack.services import cloudwatch, cloudwatch_logs, lambda_svc

from local.patches.lambda_functions import edit_worker
from local.replacing import replacing

END = "\0end of invocation"
"""The marker that the worker writes after the output of each invocation."""

_PATIENCE_S = 0.25  # a process that the function started may hold the pipe open, so that no end ever comes
_KEPT = 1000  # invocations of a function whose output is kept
_POINTS = 10_000  # of a metric


def apply() -> None:
    """Apply the patches of this module."""
    know_the_end_of_output()
    keep_the_newest_output()
    keep_the_newest_points()


def know_the_end_of_output() -> None:
    """Symptom: every invocation of a function that writes nothing takes 50 ms more, in which the server polls.

    Mends (1.5.33): the worker marks the end of an invocation's output, so the server does not wait for more.
    """
    flush = "        _real_stdout.flush()\n\nrun()"
    edit_worker(flush, f"        sys.__stderr__.write({END + chr(10)!r})\n        sys.__stderr__.flush()\n{flush}")

    @replacing(lambda_runtime.Worker, "_read_stderr")
    def read(original: Any, worker: Any) -> None:
        written = worker._stderr_queue
        original(worker)
        written.put(END)  # the process has ended

    @replacing(lambda_runtime.Worker, "_drain_stderr")
    def drain_now(original: Any, worker: Any) -> str:
        return "\n".join(line for line in original(worker).split("\n") if line != END)

    @replacing(lambda_runtime.Worker, "_drain_stderr_bounded")
    def drain(original: Any, worker: Any, *arguments: Any, **named: Any) -> str:
        if not worker.config.get("Runtime", "").startswith("python"):
            return str(original(worker, *arguments, **named))
        lines, ends = [], time.monotonic() + _PATIENCE_S
        while (left := ends - time.monotonic()) > 0:
            try:
                line = worker._stderr_queue.get(timeout=left)
            except queue.Empty:
                break
            text = line.removesuffix(END)
            if text or line != END:
                lines.append(text)
            if text != line:
                break
        return "\n".join(lines)


def keep_the_newest_output() -> None:
    """Symptom: each invocation leaves a log stream behind for good; memory and the saved state grow with a job.

    Mends (1.5.33): of each log group of functions the newest 1,000 streams, that is invocations, are kept.
    """

    @replacing(lambda_svc, "_emit_lambda_logs")
    def emit(original: Any, function: Any, *arguments: Any, **named: Any) -> None:
        original(function, *arguments, **named)
        configuration = function.get("config") or function
        name = (configuration.get("LoggingConfig") or {}).get("LogGroup")
        group = cloudwatch_logs._log_groups.get(name or f"/aws/lambda/{configuration['FunctionName']}")
        streams = group["streams"] if group else {}
        for stream in list(streams)[:-_KEPT] if len(streams) > _KEPT else ():
            streams.pop(stream, None)


def keep_the_newest_points() -> None:
    """Symptom: each invocation leaves four points of metrics behind for two weeks; memory grows with a job.

    Mends (1.5.33): a value seen again within a second is the same point seen once more, and of each metric the newest
    10,000 points are kept.
    """
    counting = threading.Lock()

    @replacing(cloudwatch, "record_metric")
    def record(original: Any, space: str, name: str, value: float, unit: str = "None", dimensions: Any = None) -> None:
        with counting:
            points = cloudwatch._metric_bucket((space, name, cloudwatch._dims_key(dimensions or {})))
            last = points[-1] if points else {}
            alike = last.get("Value") == value and last.get("Unit") == unit and "_stat" not in last
            if alike and time.time() - last["Timestamp"] < 1:
                last["Count"] = last.get("Count", 1.0) + 1
            else:
                original(space, name, value, unit, dimensions)
                del points[:-_POINTS]
