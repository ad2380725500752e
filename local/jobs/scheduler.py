"""The scheduler: threads beside the server that run jobs, highest priority first, across restarts."""

import logging
import socket
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

from local.jobs.job import Job
from local.jobs.job_store import JobStore
from local.jobs.run import Run
from local.jobs.task_runner import Limits

_MOST_RUNNING = 3  # jobs that run at the same time
_EXPIRY_CHECK_S = 30  # seconds between checks for expired jobs
_log = logging.getLogger("local.jobs")


class Scheduler:
    """Runs the stored jobs against an endpoint.

    A job that was running when the process ended continues at the next start: see `local.jobs.run.Run`.

    Args:
        home: The folder whose `jobs` folder stores the jobs.
        endpoint: URL of S3 and Lambda: `http://127.0.0.1:4700`.
        limits: Parallelism and retries.
    """

    def __init__(self, home: Path, endpoint: str, limits: Limits) -> None:
        self.store = JobStore(home / "jobs")
        self._endpoint = endpoint
        self._limits = limits
        self._stopping = threading.Event()
        self._news = threading.Condition()
        self._running: set[str] = set()
        self._thread = threading.Thread(target=self._watch, name="jobs", daemon=True)

    def start(self) -> None:
        """Start the thread. Jobs run as soon as the endpoint accepts connections."""
        self._thread.start()

    def stop(self, wait_s: float = 2.0) -> None:
        """Start no more tasks and wait up to `wait_s` seconds for running ones. The rest runs at the next start."""
        self._stopping.set()
        self.wake()
        self._thread.join(wait_s)
        ends = time.monotonic() + wait_s
        with self._news:
            self._news.wait_for(lambda: not self._running, max(0.0, ends - time.monotonic()))

    def wake(self) -> None:
        """Check for work now, because a job was created, confirmed or cancelled."""
        with self._news:
            self._news.notify_all()

    def _watch(self) -> None:
        self._await_server()
        while not self._stopping.is_set():
            self.store.expire()
            with self._news:
                waiting = self.store.waiting(self._running)
                room = max(0, _MOST_RUNNING - len(self._running))
                for job in waiting[:room]:
                    self._running.add(job.id)
                    threading.Thread(target=self._run, args=(job,), name=f"job-{job.id}", daemon=True).start()
                self._make_room(waiting[room:])
                if not self._stopping.is_set():
                    self._news.wait(_EXPIRY_CHECK_S)

    def _make_room(self, waiting: list[Job]) -> None:
        """Pause one running job of the lowest priority for each waiting job of a higher priority."""
        running = sorted(map(self.store.find, self._running), key=lambda job: int(job.record["priority"]))
        going = [job for job in running if job.status == "Pausing"]
        for job in waiting[len(going) :]:
            active = [other for other in running if other.status == "Active"]
            if not active or active[0].record["priority"] >= job.record["priority"]:
                return
            active[0].advance("Pausing", after="Active")

    def _run(self, job: Job) -> None:
        try:
            Run(job, self._endpoint, self._limits, self._stopping)()
        except Exception as error:  # noqa: BLE001 - a fault of the scheduler must end the job, not hang it
            _log.exception("job %s ends by a fault of the scheduler", job.id)
            job.crash(f"{type(error).__name__}: {error}")
        finally:
            with self._news:
                self._running.discard(job.id)
                self._news.notify_all()

    def _await_server(self) -> None:
        at = urlsplit(self._endpoint)
        while not self._stopping.is_set():
            try:
                socket.create_connection((at.hostname or "127.0.0.1", at.port or 80), timeout=1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
