"""The client of S3 Batch Operations, with errors that name the next step.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_AWS_S3_Control.html
"""

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from botocore.exceptions import ClientError, HTTPClientError, ParamValidationError
from botocore.exceptions import ConnectionError as BotoConnectionError

from brigade.errors import BrigadeError, NotFound, RetryLater, UsageError
from brigade.jobs.job import Job, parse_job
from brigade.retry import RETRYABLE_CODES

if TYPE_CHECKING:
    from types_boto3_s3control import S3ControlClient

# The model names the first; the user guide's troubleshooting page and the live service the others.
_NO_SUCH_JOB = frozenset({"NotFoundException", "NoSuchJob", "NoSuchJobException", "404"})
_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "403"})
_JOB_ID = re.compile(r"[A-Za-z0-9_-]{5,36}")


@dataclass(frozen=True)
class JobsClient:
    """The jobs of one account. `client` is boto3's `s3control`. Each error names the job and what to do."""

    client: "S3ControlClient"
    account: str

    def create(self, request: Mapping[str, Any]) -> str:
        """Create a job and return its id. The same ClientRequestToken returns the same job.

        Raises:
            BrigadeError: S3 rejected the request.
            RetryLater: No answer came, so the job may exist. The message says how to find it.
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
        """Return S3's description of a job. Raises NotFound if there is none, or S3 has forgotten it."""
        with _refused("look at", job):
            found: Mapping[str, Any] = self.client.describe_job(AccountId=self.account, JobId=_id(job))["Job"]
            return found

    def list(self, statuses: Sequence[str] = ()) -> Iterator[Mapping[str, Any]]:
        """Yield the jobs that are active or ended in the last 90 days, in S3's order; with `statuses` only those."""
        page: dict[str, Any] = {"JobStatuses": list(statuses)} if statuses else {}
        while True:
            with _refused("list jobs"):
                answer = self.client.list_jobs(AccountId=self.account, MaxResults=1000, **page)
            yield from answer.get("Jobs", [])
            if not answer.get("NextToken"):
                return
            page["NextToken"] = answer["NextToken"]

    def request(self, job: str, status: Literal["Ready", "Cancelled"], reason: str) -> str:
        """Request a status (Ready confirms, Cancelled cancels) and return the current one."""
        with _refused("confirm" if status == "Ready" else "cancel", job):
            answer = self.client.update_job_status(
                AccountId=self.account, JobId=_id(job), RequestedJobStatus=status, StatusUpdateReason=reason
            )
            return str(answer["Status"])

    def prioritize(self, job: str, priority: int) -> int:
        """Set the priority of a job and return the current one."""
        with _refused("change the priority of", job):
            answer = self.client.update_job_priority(AccountId=self.account, JobId=_id(job), Priority=priority)
            return int(answer["Priority"])


def _id(job: str) -> str:
    if not _JOB_ID.fullmatch(job):
        raise UsageError(f"{job!r} is not a job id; `brigade jobs list` prints the ids")
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
        if code in RETRYABLE_CODES:
            raise RetryLater(f"cannot {what} now ({code}): try again in a minute") from error
        if code in _DENIED:
            raise BrigadeError(f"not allowed to {what} ({message}): the stage's operator policy allows it") from error
        raise BrigadeError(f"S3 refused to {what}: {code}: {message}") from error


_SHORTEST_S, _LONGEST_S = 0.5, 10.0


def follow_job(control: JobsClient, job: str, pause: Callable[[float], object] = time.sleep) -> Iterator[Job]:
    """Yield the job at each poll until it has ended or waits for a confirmation.

    It polls after half a second, then less and less often, at last every ten seconds. Ending the loop early leaves the
    job running.
    """
    wait = _SHORTEST_S
    while True:
        seen = parse_job(control.describe(job))
        yield seen
        if seen.over or seen.status == "Suspended":
            return
        pause(wait)
        wait = min(wait * 1.2, _LONGEST_S)
