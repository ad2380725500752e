"""Work through a job's tasks in parallel: hand out, take back, run again what may work later, stop at the threshold."""

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

_HELD = 1000  # tasks that wait for another run; with so many, no new one is started
_THRESHOLD_AFTER = 1000
_GLANCE_S = 0.1  # between looks at whether the job was cancelled


@dataclass(frozen=True)
class Limits:
    """What AWS does not document: how many invocations at once, and how a TemporaryFailure is run again.

    Args:
        workers: invocations at the same time in one job.
        attempts: runs of a task that keeps answering TemporaryFailure, the first included.
        throttled: tries to start a task that Lambda keeps refusing for want of concurrency: by default for as long as
            the longest function runs.
        backoff_s: seconds before the second run, doubled each time, 16 times this at most; half of it between tries.
    """

    workers: int = 4
    attempts: int = 4
    throttled: int = 3600
    backoff_s: float = 0.5


@dataclass(order=True)
class _Turn:
    due: float
    number: int
    row: Row = field(compare=False)
    runs: int = field(compare=False, default=0)
    refusals: int = field(compare=False, default=0)


class Drive:
    """The tasks of one Active job; returns when all are done, when the job is Active no more, or when stopped.

    Memory: one bit a task, the tasks in flight, and 2000 rows at most.
    """

    def __init__(self, job: Job, ledger: Ledger, limits: Limits, stopping: threading.Event) -> None:
        self._job = job
        self._limits = limits
        self._stopping = stopping
        self._ledger = ledger
        self._again: list[_Turn] = []
        self._throttled = False  # the last answer was that the function has no room: no new task is started

    def __call__(self, work: Callable[[Row], Outcome]) -> None:
        """Run ``work`` on every row that has no outcome yet; it must not raise."""
        record = self._job.record
        counts = [0, 0]
        for _, _, outcome in self._ledger.outcomes():
            counts[outcome.succeeded] += 1
        record["failed"], record["succeeded"] = counts
        waiting = self._ledger.waiting(record["total"], self._job.id)
        crew = _Crew(work, self._limits.workers)
        try:
            with self._ledger.open_log() as log:
                self._work_through((_Turn(0.0, number, row) for number, row in waiting), crew, log)
        finally:
            crew.dismiss()
            self._job.save()

    def _work_through(self, fresh: Iterator[_Turn], crew: "_Crew", log: Log) -> None:
        flying, clock, saved = 0, time.monotonic(), time.monotonic()
        while not self._stopping.is_set():
            active = self._job.status == "Active"
            while active and flying < self._limits.workers and (turn := self._next(fresh)):
                crew.todo.put(turn)
                flying += 1
            if not flying and not (active and self._again):
                return
            back = crew.wait(self._patience() if active and flying < self._limits.workers else _GLANCE_S)
            now = time.monotonic()
            self._job.record["active_s"] += now - clock
            clock = now
            if back:
                flying -= 1
                self._settle(*back, log)
            if now - saved > 1:
                self._job.save()
                saved = now

    def _next(self, fresh: Iterator[_Turn]) -> _Turn | None:
        if self._again and self._again[0].due <= time.monotonic():
            return heapq.heappop(self._again)
        held = self._throttled or len(self._again) >= _HELD
        return None if held else next(fresh, None)

    def _patience(self) -> float:
        """Seconds until the next task is due, for a crew with a free hand."""
        due = self._again[0].due - time.monotonic() if self._again else _GLANCE_S
        return min(max(due, 0.001), _GLANCE_S)

    def _settle(self, turn: _Turn, outcome: Outcome, log: Log) -> None:
        if self._stopping.is_set():
            return  # perhaps it failed only because the server is going down: it runs again at the next start
        wait = self._wait(turn, outcome)
        self._throttled = outcome.throttled and wait is not None
        if wait is not None and self._job.status in ("Active", "Pausing"):
            turn.due = time.monotonic() + wait
            heapq.heappush(self._again, turn)
            return
        log.add(turn.number, turn.row, outcome)
        record = self._job.record
        record["succeeded" if outcome.succeeded else "failed"] += 1
        run = record["succeeded"] + record["failed"]
        if run >= _THRESHOLD_AFTER and record["failed"] > run / 2:
            reason = f"{record['failed']} of the {run} tasks that ran failed, more than half"
            self._job.fail("TaskFailureThresholdExceeded", reason)

    def _wait(self, turn: _Turn, outcome: Outcome) -> float | None:
        """Count this run, and give the seconds before the next; None when there is none."""
        if outcome.throttled:
            turn.refusals += 1
            return self._limits.backoff_s / 2 if turn.refusals < self._limits.throttled else None
        turn.runs += 1
        if not outcome.again or turn.runs >= self._limits.attempts:
            return None
        return float(self._limits.backoff_s * min(2 ** (turn.runs - 1), 16))


class _Crew:
    """Threads that run tasks; daemons, since an invocation may take 15 minutes and ending the server must not."""

    def __init__(self, work: Callable[[Row], Outcome], size: int) -> None:
        self.todo: queue.SimpleQueue[_Turn | None] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[tuple[_Turn, Outcome]] = queue.SimpleQueue()
        self._work = work
        self._size = size
        for number in range(size):
            threading.Thread(target=self._serve, name=f"task-{number}", daemon=True).start()

    def wait(self, seconds: float) -> tuple[_Turn, Outcome] | None:
        """Give a task that came back, or None after so many seconds."""
        try:
            return self._done.get(timeout=seconds)
        except queue.Empty:
            return None

    def dismiss(self) -> None:
        """Let the threads end, each after what it is doing."""
        for _ in range(self._size):
            self.todo.put(None)

    def _serve(self) -> None:
        while turn := self.todo.get():
            self._done.put((turn, self._work(turn.row)))
