"""Run the tasks of a job in parallel, retry temporary failures, and stop at the failure threshold."""

import heapq
import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from local.jobs.job import Job
from local.jobs.ledger import Ledger, Log
from local.jobs.manifest import Row
from local.jobs.tasks import Outcome

_MOST_DEFERRED = 1000  # with so many tasks waiting for a retry, no new one is started
_THRESHOLD_AFTER = 1000
_POLL_S = 0.1  # seconds between checks for a cancelled job


@dataclass(frozen=True)
class Limits:
    """Limits that AWS does not document: parallel invocations, and the retries of a TemporaryFailure.

    Args:
        workers: Invocations of one job at the same time.
        attempts: Runs of a task that keeps failing with TemporaryFailure, including the first.
        throttled: Tries to start a task that Lambda throttles. The default lasts as long as the longest function runs.
        backoff_s: Seconds before the second run. Doubled for each further run, up to 16 times this. A throttled task
            waits half of it.
    """

    workers: int = 4
    attempts: int = 4
    throttled: int = 3600
    backoff_s: float = 0.5


@dataclass(order=True)
class _PendingTask:
    due: float
    number: int
    row: Row = field(compare=False)
    runs: int = field(compare=False, default=0)
    refusals: int = field(compare=False, default=0)


class TaskRunner:
    """Runs the tasks of one Active job.

    Memory: one bit for each task, the tasks in flight, and at most 2000 rows.
    """

    def __init__(self, job: Job, ledger: Ledger, limits: Limits, stopping: threading.Event) -> None:
        self._job = job
        self._limits = limits
        self._stopping = stopping
        self._ledger = ledger
        self._deferred: list[_PendingTask] = []
        self._throttled = False  # Lambda throttled the last task: no new task is started

    def run(self, work: Callable[[Row], Outcome]) -> None:
        """Run `work` on every row without an outcome, until all are done, the job is not Active, or it is stopped.

        Args:
            work: Runs one task. It must not raise.
        """
        record = self._job.record
        counts = [0, 0]
        for _, _, outcome in self._ledger.outcomes():
            counts[outcome.succeeded] += 1
        record["failed"], record["succeeded"] = counts
        waiting = self._ledger.waiting(record["total"], self._job.id)
        workers = _WorkerPool(work, self._limits.workers)
        try:
            with self._ledger.open_log() as log:
                self._work_through((_PendingTask(0.0, number, row) for number, row in waiting), workers, log)
        finally:
            workers.stop()
            self._job.save()

    def _work_through(self, fresh: Iterator[_PendingTask], workers: "_WorkerPool", log: Log) -> None:
        in_flight, clock, saved = 0, time.monotonic(), time.monotonic()
        while not self._stopping.is_set():
            active = self._job.status == "Active"
            while active and in_flight < self._limits.workers and (task := self._next(fresh)):
                workers.todo.put(task)
                in_flight += 1
            if not in_flight and not (active and self._deferred):
                return
            back = workers.wait(self._patience() if active and in_flight < self._limits.workers else _POLL_S)
            now = time.monotonic()
            self._job.record["active_s"] += now - clock
            clock = now
            if back:
                in_flight -= 1
                self._record_outcome(*back, log)
            if now - saved > 1:
                self._job.save()
                saved = now

    def _next(self, fresh: Iterator[_PendingTask]) -> _PendingTask | None:
        if self._deferred and self._deferred[0].due <= time.monotonic():
            return heapq.heappop(self._deferred)
        held = self._throttled or len(self._deferred) >= _MOST_DEFERRED
        return None if held else next(fresh, None)

    def _patience(self) -> float:
        """Return the seconds until the next deferred task is due."""
        due = self._deferred[0].due - time.monotonic() if self._deferred else _POLL_S
        return min(max(due, 0.001), _POLL_S)

    def _record_outcome(self, task: _PendingTask, outcome: Outcome, log: Log) -> None:
        if self._stopping.is_set():
            return  # perhaps it failed only because the server is going down: it runs again at the next start
        wait = self._wait(task, outcome)
        self._throttled = outcome.throttled and wait is not None
        if wait is not None and self._job.status in ("Active", "Pausing"):
            task.due = time.monotonic() + wait
            heapq.heappush(self._deferred, task)
            return
        log.add(task.number, task.row, outcome)
        record = self._job.record
        record["succeeded" if outcome.succeeded else "failed"] += 1
        run = record["succeeded"] + record["failed"]
        if run >= _THRESHOLD_AFTER and record["failed"] > run / 2:
            reason = f"{record['failed']} of the {run} tasks that ran failed, more than half"
            self._job.fail("TaskFailureThresholdExceeded", reason)

    def _wait(self, task: _PendingTask, outcome: Outcome) -> float | None:
        """Count this run and return the seconds before the next one; None for no further run."""
        if outcome.throttled:
            task.refusals += 1
            return self._limits.backoff_s / 2 if task.refusals < self._limits.throttled else None
        task.runs += 1
        if not outcome.again or task.runs >= self._limits.attempts:
            return None
        return float(self._limits.backoff_s * min(2 ** (task.runs - 1), 16))


class _WorkerPool:
    """Daemon threads that run tasks: an invocation may take 15 minutes, and the server must not wait for it."""

    def __init__(self, work: Callable[[Row], Outcome], size: int) -> None:
        self.todo: queue.SimpleQueue[_PendingTask | None] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[tuple[_PendingTask, Outcome]] = queue.SimpleQueue()
        self._work = work
        self._size = size
        for number in range(size):
            threading.Thread(target=self._serve, name=f"task-{number}", daemon=True).start()

    def wait(self, seconds: float) -> tuple[_PendingTask, Outcome] | None:
        """Return a finished task and its outcome; None after `seconds` without one."""
        try:
            return self._done.get(timeout=seconds)
        except queue.Empty:
            return None

    def stop(self) -> None:
        """End each thread after its current task."""
        for _ in range(self._size):
            self.todo.put(None)

    def _serve(self) -> None:
        while task := self.todo.get():
            self._done.put((task, self._work(task.row)))
