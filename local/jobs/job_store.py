"""The jobs, on disk and in memory: found by id and by client token, listed in pages."""

import base64
import binascii
import shutil
import uuid
from collections.abc import Collection
from pathlib import Path
from typing import Any

from local.jobs.job import TERMINAL, Job
from local.jobs.wire import Fault


class JobStore:
    """The jobs below one folder, each in a folder of its own. A job is deleted 90 days after its end."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        loaded = [Job.load(path.parent) for path in folder.glob("*/job.json")]
        self._jobs = {job.id: job for job in loaded}

    def create(self, job_id: str, request: dict[str, Any], account: str, region: str) -> tuple[Job, bool]:
        """Create a job, or return the one that the same request with the same client token created.

        Returns:
            The job, and whether it is new.

        Raises:
            Fault: IdempotencyException. The token was used for another request.
        """
        for job in list(self._jobs.values()):
            made = job.record["request"]
            if made["ClientRequestToken"] == request["ClientRequestToken"] and job.record["account"] == account:
                if made != request:
                    raise Fault("IdempotencyException", "The ClientRequestToken was used for a different request", 409)
                return job, False
        job = Job.create(self._folder / job_id, job_id, request, account, region)
        self._jobs[job_id] = job
        return job, True

    def find(self, job_id: str) -> Job:
        """Return a job.

        Raises:
            Fault: NoSuchJobException.
        """
        try:
            return self._jobs[job_id]
        except KeyError:
            raise Fault("NoSuchJobException", "The specified job does not exist", 404) from None

    def page(self, statuses: Collection[str], limit: int, token: str | None) -> tuple[list[Job], str | None]:
        """Return a page of the jobs in one of these states, newest first, and the token of the next page.

        Args:
            statuses: The states; empty: any state.

        Raises:
            Fault: InvalidNextTokenException. The token is not one of this method.
        """
        start = _offset(token) if token else 0
        found = [job for job in self.newest() if not statuses or job.status in statuses]
        following = start + limit
        more = base64.urlsafe_b64encode(f"jobs {following}".encode()).decode() if following < len(found) else None
        return found[start:following], more

    def newest(self) -> list[Job]:
        """Return all jobs, newest first."""
        return sorted(self._jobs.values(), key=lambda job: job.record["created"], reverse=True)

    def waiting(self, running: Collection[str]) -> list[Job]:
        """Return the jobs that can continue and are not in `running`: highest priority first, then oldest."""
        still = TERMINAL | {"Suspended"}
        idle = [job for job in list(self._jobs.values()) if job.id not in running and job.status not in still]
        return sorted(idle, key=lambda job: (-job.record["priority"], job.record["created"]))

    def expire(self) -> None:
        """Fail the jobs not confirmed within 30 days, and delete those that ended 90 days ago."""
        for job in list(self._jobs.values()):
            if job.expire():
                del self._jobs[job.id]
                shutil.rmtree(job.folder)


def new_id() -> str:
    """Return a new job id."""
    return str(uuid.uuid4())


def _offset(token: str) -> int:
    try:
        word, _, offset = base64.urlsafe_b64decode(token).decode().partition(" ")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise Fault("InvalidNextTokenException", "The nextToken is not valid") from error
    if word != "jobs" or not offset.isdigit():
        raise Fault("InvalidNextTokenException", "The nextToken is not valid")
    return int(offset)
