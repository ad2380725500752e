"""The notification about a job that has ended, and advice on why a job failed as a whole.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/batch-ops-troubleshooting.html
"""

import itertools
import re
from dataclasses import dataclass
from typing import Any

from brigade import layout
from brigade.errors import InvalidData, NotFound
from brigade.jobs.job import Job
from brigade.jobs.report import Tally, open_report

_MOST_READ = 500_000
_REASONS = 10


@dataclass(frozen=True)
class JobNotification:
    """A message about the end of a job: `subject` in under 100 ASCII characters, `text` with the next commands."""

    subject: str
    text: str


def build_notification(s3: Any, job: Job, stage: str, patience_s: float = 60) -> JobNotification:
    """Return the notification about a job's end: why it failed, its failed tasks by reason, and the next commands.

    The first 500,000 failed tasks are read from the report, one row in memory. A report that is missing or damaged is
    stated in the text and is no error.

    Args:
        patience_s: Seconds to wait for the report, which S3 writes after the job's end.
    """
    brigade = f"brigade --stage {stage} jobs"
    lines = [f"{job.description}", f"{job.succeeded:,} tasks succeeded, {job.failed:,} failed, of {job.total:,}."]
    lines += [f"{code}: {text}\n  {find_failure_advice(code, text)}" for code, text in job.reasons]
    if job.never_ran:
        lines += [f"{job.never_ran:,} tasks never ran, and a retry does not run them: submit the selection again."]
    if job.failed:
        lines += ["", *_failures(s3, job, patience_s), ""]
        lines += [f"All of them: {brigade} report {job.id} --failed"]
        lines += [f"Again, once what they met is mended: {brigade} retry {job.id} --all"]
    else:
        lines += [f"More: {brigade} show {job.id}"]
    failed = f", {job.failed:,} tasks failed" if job.failed else ""
    return JobNotification(f"Job {job.id} is {job.status}{failed}"[:99], "\n".join(lines) + "\n")


def _failures(s3: Any, job: Job, patience_s: float) -> list[str]:
    tally, said = Tally(), []
    try:
        tasks = open_report(s3, str(job.report), patience_s=patience_s).tasks(s3, failed=True)
        for task in itertools.islice(tasks, _MOST_READ):
            tally.add(task)
        if next(tasks, None):
            said = [f"(of the first {_MOST_READ:,} failed tasks)"]
    except (NotFound, InvalidData) as error:
        said = [f"Its report was not read whole: {error}"]
    reasons = tally.reasons
    told = [f"{reason.tasks:,} × {reason.code}: {reason.shape} (such as {reason.example.key!r})" for reason in reasons]
    return [*told[:_REASONS], *([f"and {len(told) - _REASONS} other reasons"] if len(told) > _REASONS else []), *said]


_REMEDIES = (
    (
        r"reading the manifest is forbidden",
        f"the job's role may not read the manifest: it reads {layout.MANIFESTS}/ of the stage's reports bucket only",
    ),
    (
        r"etag",
        "the manifest was changed after it was pinned: submit again, under a new manifest",
    ),
    (
        r"invalid manifest content|not properly formatted|missing in the schema|invalid object key|invalid version id",
        "the manifest breaks a rule of S3: no header, no blank line, UTF-8 without a byte order mark, keys "
        "URL-encoded, a version in all rows or none",
    ),
    (
        r"no keys matching",
        "the filter matches no object: widen it",
    ),
    (
        r"more keys than the maximum",
        "the selection is over S3's limit for one job: submit it in parts",
    ),
    (
        r"report could not be written",
        "the work was done, but its report could not be written: check the role's s3:PutObject on "
        f"{layout.JOB_REPORTS}/ of the reports bucket, and that the bucket has no default Object Lock",
    ),
    (
        r"fail(ure)? (rate|threshold)|too many failed|exceeds",
        "more than half of the tasks failed, so S3 stopped the job: "
        "see `brigade jobs report`, fix the cause, then `brigade jobs retry`",
    ),
    (
        r"awaiting.?confirmation|suspended",
        "it was not confirmed within 30 days: submit again",
    ),
)


def find_failure_advice(code: str, text: str) -> str:
    """Return what to do about one failure reason of a job. An unknown reason points at the user guide."""
    for pattern, advice in _REMEDIES:
        if re.search(pattern, f"{code} {text}", re.IGNORECASE):
            return advice
    return "not a reason that is known here: see Troubleshooting S3 Batch Operations in the S3 User Guide"
