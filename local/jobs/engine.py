"""The engine: threads beside the server that move jobs on, the highest priority first, through a stop and a start."""

import logging
import socket
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

from local.jobs.drive import Limits
from local.jobs.job import Job
from local.jobs.run import Run
from local.jobs.shelf import Shelf

_AT_ONCE = 3  # jobs that move at the same time
_LOOK_S = 30  # seconds between looks at what expires
_log = logging.getLogger("local.jobs")


class Engine:
    """Runs the jobs of a shelf against an endpoint.

    A job in the middle of its work when the process ended goes on at the next start: see :class:`local.jobs.run.Run`.

    Args:
        home: the jobs are kept in its ``jobs`` folder.
        endpoint: where S3 and Lambda answer, ``http://127.0.0.1:4700``.
        limits: parallelism and redrive.
    """

    def __init__(self, home: Path, endpoint: str, limits: Limits) -> None:
        self.shelf = Shelf(home / "jobs")
        self._endpoint = endpoint
        self._limits = limits
        self._stopping = threading.Event()
        self._news = threading.Condition()
        self._running: set[str] = set()
        self._thread = threading.Thread(target=self._watch, name="jobs", daemon=True)

    def start(self) -> None:
        """Begin; the jobs move once the endpoint answers."""
        self._thread.start()

    def stop(self, wait_s: float = 2.0) -> None:
        """Hand out no more tasks, and wait this long for what is running; the rest runs again at the next start."""
        self._stopping.set()
        self.wake()
        self._thread.join(wait_s)
        ends = time.monotonic() + wait_s
        with self._news:
            self._news.wait_for(lambda: not self._running, max(0.0, ends - time.monotonic()))

    def wake(self) -> None:
        """Look for work: a job was created, confirmed or cancelled."""
        with self._news:
            self._news.notify_all()

    def _watch(self) -> None:
        self._await_server()
        while not self._stopping.is_set():
            self.shelf.expire()
            with self._news:
                waiting = self.shelf.waiting(self._running)
                room = max(0, _AT_ONCE - len(self._running))
                for job in waiting[:room]:
                    self._running.add(job.id)
                    threading.Thread(target=self._run, args=(job,), name=f"job-{job.id}", daemon=True).start()
                self._make_room(waiting[room:])
                if not self._stopping.is_set():
                    self._news.wait(_LOOK_S)

    def _make_room(self, waiting: list[Job]) -> None:
        """Pause the running jobs of the lowest priority, one for each job of a higher one that waits."""
        running = sorted(map(self.shelf.find, self._running), key=lambda job: int(job.record["priority"]))
        going = [job for job in running if job.status == "Pausing"]
        for job in waiting[len(going) :]:
            active = [other for other in running if other.status == "Active"]
            if not active or active[0].record["priority"] >= job.record["priority"]:
                return
            active[0].advance("Pausing", after="Active")

    def _run(self, job: Job) -> None:
        try:
            Run(job, self._endpoint, self._limits, self._stopping)()
        except Exception as error:  # noqa: BLE001 - a fault of the engine itself must end the job, not hang it
            _log.exception("job %s ends by a fault of the engine", job.id)
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
