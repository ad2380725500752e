"""A job as S3 describes it, in one flat struct."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

ENDED = frozenset({"Complete", "Failed", "Cancelled"})


@dataclass(frozen=True)
class Job:
    """The state of a job at one request. Its id never changes."""

    id: str
    status: str
    description: str
    operation: str
    priority: int
    total: int
    succeeded: int
    failed: int
    created: datetime
    ended: datetime | None
    active_seconds: int | None
    reasons: tuple[tuple[str, str], ...]
    """Why the job as a whole failed: S3's code and text. Failed tasks are not among them."""
    report_bucket: str | None
    report_prefix: str

    @property
    def over(self) -> bool:
        """Return whether the status is final: Complete, Failed or Cancelled."""
        return self.status in ENDED

    @property
    def well(self) -> bool:
        """Return whether every task succeeded. S3 also reports Complete for a job whose every task failed."""
        return self.status == "Complete" and self.failed == 0

    @property
    def done(self) -> int:
        """The number of tasks that succeeded or failed."""
        return self.succeeded + self.failed

    @property
    def never_ran(self) -> int:
        """The number of tasks that an ended job did not run. No report lists them, so no retry runs them either."""
        return max(self.total - self.done, 0) if self.over else 0

    @property
    def rate(self) -> float | None:
        """Tasks per second while the job was active; None before the first task."""
        return self.done / self.active_seconds if self.active_seconds and self.done else None

    @property
    def seconds_left(self) -> float | None:
        """Seconds until the end at the current rate; None if unknown."""
        return (self.total - self.done) / self.rate if self.rate and not self.over else None

    def age(self, now: datetime) -> timedelta:
        """Return the time since the job's creation, or until its end."""
        return (self.ended or now) - self.created

    @property
    def report(self) -> str | None:
        """The URI of the completion report's manifest, where S3 will write it; None if the job has no report."""
        if self.report_bucket is None:
            return None
        return f"s3://{self.report_bucket}/{report_key(self.report_prefix, self.id)}"


def report_key(prefix: str, job: str) -> str:
    """Return the key of a report's manifest.json. S3 adds a slash after a prefix."""
    return f"{prefix}/job-{job}/manifest.json" if prefix else f"job-{job}/manifest.json"


def parse_job(described: Mapping[str, Any]) -> Job:
    """Parse one job of DescribeJob or ListJobs. The latter omits many fields."""
    progress: Mapping[str, Any] = described.get("ProgressSummary") or {}
    operation = described.get("Operation", "")
    report: Mapping[str, Any] = described.get("Report") or {}
    return Job(
        id=described["JobId"],
        status=described["Status"],
        description=described.get("Description", ""),
        operation=operation if isinstance(operation, str) else _operation(operation),
        priority=described.get("Priority", 0),
        total=progress.get("TotalNumberOfTasks") or 0,
        succeeded=progress.get("NumberOfTasksSucceeded") or 0,
        failed=progress.get("NumberOfTasksFailed") or 0,
        created=described["CreationTime"],
        ended=described.get("TerminationDate"),
        active_seconds=(progress.get("Timers") or {}).get("ElapsedTimeInActiveSeconds"),
        reasons=tuple(
            (reason.get("FailureCode", ""), reason.get("FailureReason", ""))
            for reason in described.get("FailureReasons") or ()
        ),
        report_bucket=report["Bucket"].rpartition(":")[2] if report.get("Enabled") and report.get("Bucket") else None,
        report_prefix=report.get("Prefix", ""),
    )


def _operation(operation: Mapping[str, Any]) -> str:
    name = next(iter(operation), "")
    if name != "LambdaInvoke":
        return name
    parameters: Mapping[str, Any] = operation[name]
    arguments: Mapping[str, str] = parameters.get("UserArguments") or {}
    function = str(parameters.get("FunctionArn", "")).partition(":function:")[2]
    return " ".join([function, *(f"{key}={value}" for key, value in arguments.items())])
