"""A job: its record, its states, and the allowed changes of state.

States and their meaning: https://docs.aws.amazon.com/AmazonS3/latest/userguide/batch-ops-job-status.html
"""

import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

from local.jobs.wire import Fault

TERMINAL = frozenset({"Complete", "Failed", "Cancelled"})
STATES = {
    "New": {"Preparing", "Cancelling", "Failing"},
    "Preparing": {"Suspended", "Ready", "Cancelling", "Failing"},
    "Suspended": {"Ready", "Cancelling", "Failing"},
    "Ready": {"Active", "Cancelling", "Failing"},
    "Active": {"Pausing", "Completing", "Cancelling", "Failing"},
    "Pausing": {"Paused", "Cancelling", "Failing"},
    "Paused": {"Active", "Cancelling", "Failing"},
    "Completing": {"Complete", "Failing"},
    "Cancelling": {"Cancelled"},
    "Failing": {"Failed"},
    "Complete": set(),
    "Failed": set(),
    "Cancelled": set(),
}
SUSPENDED_FOR = timedelta(days=30)
KEPT_FOR = timedelta(days=90)


class Job:
    """One job: its request, state, counts and tags. It is saved as a whole at each change.

    ``record`` is the document on disk: a dict of plain JSON values. Times are seconds since 1970.
    """

    tell: ClassVar[Callable[[dict[str, Any]], None]] = staticmethod(lambda record: None)
    """Called with the record after each change of state."""

    def __init__(self, folder: Path, record: dict[str, Any]) -> None:
        self.folder = folder
        self.record = record
        self.lock = threading.RLock()  # the API's task and the job's own thread both change a job

    @classmethod
    def create(cls, folder: Path, job_id: str, request: dict[str, Any], account: str, region: str) -> "Job":
        """Return a new job in state New from a CreateJob request, saved in `folder`."""
        folder.mkdir(parents=True)
        job = cls(
            folder,
            {
                "id": job_id,
                "arn": arn(region, account, job_id),
                "account": account,
                "request": request,
                "tags": {tag["Key"]: tag["Value"] for tag in request.get("Tags", [])},
                "priority": request["Priority"],
                "status": "New",
                "created": _now().timestamp(),
                "total": 0,
                "succeeded": 0,
                "failed": 0,
                "active_s": 0.0,
                "failures": [],
            },
        )
        job.save()
        cls.tell(job.record)
        return job

    @classmethod
    def load(cls, folder: Path) -> "Job":
        """Return the job that is saved in `folder`."""
        return cls(folder, json.loads((folder / "job.json").read_text()))

    def save(self) -> None:
        """Write the record to disk, atomically."""
        with self.lock:
            draft = self.folder / "job.json.new"
            draft.write_text(json.dumps(self.record))
            draft.replace(self.folder / "job.json")

    @property
    def id(self) -> str:
        """The job's id, a UUID."""
        return str(self.record["id"])

    @property
    def status(self) -> str:
        """One of :data:`STATES`."""
        return str(self.record["status"])

    @property
    def ended(self) -> bool:
        """True if the job has ended."""
        return self.status in TERMINAL

    @property
    def operation(self) -> str:
        """The name of the operation's member in the request, ``LambdaInvoke``."""
        return str(next(iter(self.record["request"]["Operation"])))

    def move(self, status: str) -> None:
        """Change the state and save.

        Raises:
            Fault: JobStatusException. The change is not allowed, and nothing has changed.
        """
        with self.lock:
            if status not in STATES[self.status]:
                raise Fault("JobStatusException", f"A job in state {self.status} cannot become {status}", 409)
            self.record["status"] = status
            if status == "Suspended":
                self.record |= {"suspended": _now().timestamp(), "suspended_cause": "AWAITING_CONFIRMATION"}
            if status in TERMINAL:
                self.record["terminated"] = _now().timestamp()
            self.save()
            type(self).tell(self.record)

    def advance(self, status: str, *, after: str) -> None:
        """Change to `status` if the job is still in state `after`. An earlier cancellation wins."""
        with self.lock:
            if self.status == after:
                self.move(status)

    def fail(self, code: str, reason: str) -> None:
        """Change to Failing with a reason that DescribeJob shows, unless the job is being cancelled."""
        with self.lock:
            if "Failing" in STATES[self.status] and self.status != "Cancelling":
                self.note(code, reason)
                self.move("Failing")

    def crash(self, reason: str) -> None:
        """Change to Failed from any state, because the scheduler itself failed."""
        with self.lock:
            self.record |= {"status": "Failed", "terminated": _now().timestamp()}
            self.note("InternalError", reason)

    def note(self, code: str, reason: str) -> None:
        """Add a failure reason, cut at the 256 characters that the API allows, and leave the state.

        A job whose report could not be written is Complete all the same.
        """
        self.record["failures"].append({"FailureCode": code[:64], "FailureReason": reason[:256]})
        self.save()

    def expire(self) -> bool:
        """Fail a job not confirmed within 30 days, and return whether its record is older than 90 days."""
        if self.status == "Suspended" and _now() - _moment(self.record["suspended"]) > SUSPENDED_FOR:
            self.fail("JobExpired", "The job was not confirmed within 30 days")
            self.move("Failed")
        return self.status in TERMINAL and _now() - _moment(self.record["terminated"]) > KEPT_FOR

    def describe(self) -> dict[str, Any]:
        """Return the job as DescribeJob does: without tags and client token, with `FailureReasons` even if empty."""
        request = self.record["request"]
        return self._summary() | {
            "ConfirmationRequired": request.get("ConfirmationRequired", True),
            "JobArn": self.record["arn"],
            "Manifest": request.get("Manifest"),
            "ManifestGenerator": request.get("ManifestGenerator"),
            "GeneratedManifestDescriptor": self.record.get("generated"),
            "Operation": request["Operation"],
            "StatusUpdateReason": self.record.get("reason"),
            "FailureReasons": self.record["failures"],
            "Report": request["Report"],
            "RoleArn": request["RoleArn"],
            "SuspendedDate": _optional(self.record.get("suspended")),
            "SuspendedCause": self.record.get("suspended_cause"),
        }

    def listed(self) -> dict[str, Any]:
        """Return the job as ListJobs does."""
        return self._summary() | {"Operation": self.operation}

    def _summary(self) -> dict[str, Any]:
        return {
            "JobId": self.id,
            "Description": self.record["request"].get("Description"),
            "Priority": self.record["priority"],
            "Status": self.status,
            "CreationTime": _moment(self.record["created"]),
            "TerminationDate": _optional(self.record.get("terminated")),
            "ProgressSummary": {
                "TotalNumberOfTasks": self.record["total"],
                "NumberOfTasksSucceeded": self.record["succeeded"],
                "NumberOfTasksFailed": self.record["failed"],
                "Timers": {"ElapsedTimeInActiveSeconds": int(self.record["active_s"])},
            },
        }


def arn(region: str, account: str, job_id: str) -> str:
    """Return the ARN of a job, `arn:aws:s3:us-east-1:000000000000:job/…`. The id `*` stands for every job."""
    return f"arn:aws:s3:{region}:{account}:job/{job_id}"


def _now() -> datetime:
    return datetime.now(UTC)


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _optional(seconds: float | None) -> datetime | None:
    return None if seconds is None else _moment(seconds)
