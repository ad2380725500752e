"""What there is to say of a job that has ended: read from its report, for who was not watching."""

import itertools
from dataclasses import dataclass
from typing import Any

from brigade.errors import InvalidData, NotFound
from brigade.jobs.job import Job
from brigade.jobs.reasons import remedy
from brigade.jobs.report import opened
from brigade.jobs.tally import Tally

_MOST_READ = 500_000
_REASONS = 10


@dataclass(frozen=True)
class Ending:
    """A job's end for a person: ``subject`` in under 100 characters of ASCII, ``text`` with what to do next."""

    subject: str
    text: str


def told(s3: Any, job: Job, stage: str, patience_s: float = 60) -> Ending:
    """Say how a job ended: why it failed as a whole, its failed tasks by reason, and the commands that go on.

    The failed tasks are read from the report, the first 500,000, one row in memory; S3 may write it up to
    ``patience_s`` after the end. A report that is not there by then, or is damaged, is said, and is no failure.
    """
    brigade = f"brigade --stage {stage} jobs"
    lines = [f"{job.description}", f"{job.succeeded:,} tasks succeeded, {job.failed:,} failed, of {job.total:,}."]
    lines += [f"{code}: {text}\n  {remedy(code, text)}" for code, text in job.reasons]
    if job.never_ran:
        lines += [f"{job.never_ran:,} tasks never ran, and a retry does not run them: submit the selection again."]
    if job.failed:
        lines += ["", *_failures(s3, job, patience_s), ""]
        lines += [f"All of them: {brigade} report {job.id} --failed"]
        lines += [f"Again, once what they met is mended: {brigade} retry {job.id} --all"]
    else:
        lines += [f"More: {brigade} show {job.id}"]
    failed = f", {job.failed:,} tasks failed" if job.failed else ""
    return Ending(f"Job {job.id} is {job.status}{failed}"[:99], "\n".join(lines) + "\n")


def _failures(s3: Any, job: Job, patience_s: float) -> list[str]:
    tally, said = Tally(), []
    try:
        tasks = opened(s3, str(job.report), patience_s=patience_s).tasks(s3, failed=True)
        for task in itertools.islice(tasks, _MOST_READ):
            tally.add(task)
        if next(tasks, None):
            said = [f"(of the first {_MOST_READ:,} failed tasks)"]
    except (NotFound, InvalidData) as error:
        said = [f"Its report was not read whole: {error}"]
    reasons = tally.reasons
    told = [f"{reason.tasks:,} × {reason.code}: {reason.shape} (such as {reason.example.key!r})" for reason in reasons]
    return [*told[:_REASONS], *([f"and {len(told) - _REASONS} other reasons"] if len(told) > _REASONS else []), *said]
