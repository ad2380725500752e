"""The client of S3 Batch Operations, with errors that say what to do.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_AWS_S3_Control.html
"""

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from botocore.exceptions import ClientError, HTTPClientError, ParamValidationError
from botocore.exceptions import ConnectionError as BotoConnectionError

from brigade.errors import BrigadeError, NotFound, RetryLater, UsageError
from brigade.jobs.job import Job, of

# The model names the first; the user guide's troubleshooting page and the live service the others.
_NO_SUCH_JOB = frozenset({"NotFoundException", "NoSuchJob", "NoSuchJobException", "404"})
_LATER = frozenset(
    {"TooManyRequestsException", "SlowDown", "Throttling", "ThrottlingException", "InternalServiceException"}
)
_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "403"})
_JOB_ID = re.compile(r"[A-Za-z0-9_-]{5,36}")


@dataclass(frozen=True)
class Control:
    """Jobs of one account. ``client`` is boto3's ``s3control``; every failure is an error of ours naming the job."""

    client: Any
    account: str

    def create(self, request: Mapping[str, Any]) -> str:
        """Create a job and return its id; a request sent again with the same ClientRequestToken gives the same job.

        Raises:
            BrigadeError: S3 refused the request, or no answer came: then the job may exist, and the message says how
                to find it.
        """
        run = request.get("ClientRequestToken")
        with _refused("create the job"):
            try:
                return str(self.client.create_job(AccountId=self.account, **request)["JobId"])
            except (HTTPClientError, BotoConnectionError) as error:
                raise RetryLater(
                    f"no answer came to the creation of a job ({type(error).__name__}), so it may exist: look for "
                    f"{run} in `brigade jobs list` before you submit again"
                ) from error

    def describe(self, job: str) -> Mapping[str, Any]:
        """Give S3's description of a job. Fails with NotFound when there is none (any more)."""
        with _refused("look at", job):
            found: Mapping[str, Any] = self.client.describe_job(AccountId=self.account, JobId=_id(job))["Job"]
            return found

    def list(self, statuses: Sequence[str] = ()) -> Iterator[Mapping[str, Any]]:
        """Yield the jobs that are active or ended in the last 90 days, in S3's order; with `statuses` only such."""
        page: dict[str, Any] = {"JobStatuses": list(statuses)} if statuses else {}
        while True:
            with _refused("list jobs"):
                answer = self.client.list_jobs(AccountId=self.account, MaxResults=1000, **page)
            yield from answer.get("Jobs", [])
            if not answer.get("NextToken"):
                return
            page["NextToken"] = answer["NextToken"]

    def request(self, job: str, status: Literal["Ready", "Cancelled"], reason: str) -> str:
        """Ask for a status (Ready confirms, Cancelled cancels) and give the one the job has now."""
        with _refused("confirm" if status == "Ready" else "cancel", job):
            answer = self.client.update_job_status(
                AccountId=self.account, JobId=_id(job), RequestedJobStatus=status, StatusUpdateReason=reason
            )
            return str(answer["Status"])

    def prioritize(self, job: str, priority: int) -> int:
        """Set the priority and give the one that it has now."""
        with _refused("change the priority of", job):
            answer = self.client.update_job_priority(AccountId=self.account, JobId=_id(job), Priority=priority)
            return int(answer["Priority"])


def _id(job: str) -> str:
    if not _JOB_ID.fullmatch(job):
        raise UsageError(f"{job!r} is no job id; `brigade jobs list` shows them")
    return job


@contextmanager
def _refused(act: str, job: str = "") -> Iterator[None]:
    what = f"{act} {job}".strip()
    try:
        yield
    except ParamValidationError as error:  # which boto3 refuses before S3 could
        raise UsageError(f"cannot {what}: {' '.join(str(error).split())}") from error
    except ClientError as error:
        code, message = error.response["Error"].get("Code", ""), error.response["Error"].get("Message", "")
        if code in _NO_SUCH_JOB:
            raise NotFound(f"there is no job {job}; S3 forgets a job 90 days after its end") from error
        if code == "JobStatusException":
            raise BrigadeError(f"cannot {what}: its status does not allow it ({message})") from error
        if code in _LATER:
            raise RetryLater(f"cannot {what} now ({code}): try again in a minute") from error
        if code in _DENIED:
            raise BrigadeError(f"not allowed to {what} ({message}): the stage's operator policy allows it") from error
        raise BrigadeError(f"S3 refused to {what}: {code}: {message}") from error


_SHORTEST_S, _LONGEST_S = 0.5, 10.0


def follow(control: Control, job: str, pause: Callable[[float], object] = time.sleep) -> Iterator[Job]:
    """Give the job each time that it is asked, the last time when it is over or waits for a confirmation.

    It is asked after half a second, then ever less often, every ten seconds at last. Ending the loop early leaves the
    job running.
    """
    wait = _SHORTEST_S
    while True:
        seen = of(control.describe(job))
        yield seen
        if seen.over or seen.status == "Suspended":
            return
        pause(wait)
        wait = min(wait * 1.2, _LONGEST_S)
