"""What ``brigade jobs`` prints: a price, a job, its progress, its report."""

import csv
import itertools
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import typer

from brigade.cli.session import Session

if TYPE_CHECKING:
    from brigade.jobs.client import JobsClient
    from brigade.jobs.job import Job
    from brigade.jobs.price import Quote
    from brigade.jobs.report import ReportTask, Tally
    from brigade.jobs.row import ManifestRow, SelectionSummary
    from brigade.jobs.sample import Sample

_ROWS_SHOWN = 20
_MESSAGE_BYTES = 1024
"""How much of a message the table shows; csv and jsonl have all of it."""
_COLUMNS = ("bucket", "key", "version_id", "status", "http_status", "code", "message")


def priced(quote: "Quote", what: str, summary: "SelectionSummary") -> tuple[dict[str, Any], str]:
    """Return what a job over a selection would do and cost, as a document and as text."""
    lines, total = quote.lines(), quote.dollars()
    document = {
        "what": what,
        "objects": summary.objects,
        "bytes": summary.bytes,
        "keys": summary.samples,
        "lines": [line._asdict() for line in lines],
        "dollars": total,
        "assumed": quote.basis,
    }
    size = "size unknown" if summary.bytes is None else f"{summary.bytes:,} bytes"
    text = [f"{what}: {summary.objects:,} objects, {size}"]
    text += [f"  {_one_line(key)}" for key in summary.samples]
    text += ["  …"] if summary.objects > len(summary.samples) else []
    text += [f"{line.item:<20} {line.quantity:>20}  ${line.dollars:>12.6f}" for line in lines]
    text += [f"{'total':<20} {'':>20}  ${total:>12.6f}", quote.basis]
    return document, "\n".join(text)


def sample_question(operation: str, arguments: Mapping[str, str], rows: "Sequence[ManifestRow]") -> str:
    """Return what a sample that writes or deletes will do, for the person who must agree."""
    from brigade.jobs.row import display_key

    given = "".join(f" {name}={value}" for name, value in arguments.items())
    lines = [f"The sample runs {operation}{given} for real on {len(rows)} objects:"]
    lines += [f"  {_one_line(display_key(row.key_text))}" for row in rows[:_ROWS_SHOWN]]
    return "\n".join([*lines, *(["  …"] if len(rows) > _ROWS_SHOWN else [])])


def sampled(operation: str, sample: "Sample") -> tuple[dict[str, Any], str]:
    """Return what a sample did and measured, as a document and as text."""
    failures = sample.failures
    document = {
        "objects": sample.objects,
        "failed": len(failures),
        "seconds": sample.seconds,
        "said": sample.said,
        "failures": [{"key": failure.key, "text": failure.text} for failure in failures[:_ROWS_SHOWN]],
    }
    text = [f"sample: {operation} ran on {sample.objects} objects, {sample.objects - len(failures)} succeeded"]
    text += [f"  such as: {_one_line(sample.said)}"] if sample.said else []
    text += [f"  failed: {_one_line(each.key)}: {_one_line(each.text)}" for each in failures[:_ROWS_SHOWN]]
    text += [f"  and {len(failures) - _ROWS_SHOWN} more failed"] if len(failures) > _ROWS_SHOWN else []
    if sample.seconds is not None:
        text += [f"  {sample.seconds:.3f} s an object that succeeded; for `submit`: --seconds {sample.seconds:.3f}"]
    return document, "\n".join(text)


def job_document(job: "Job") -> dict[str, Any]:
    """Give a job as ``show`` prints it."""
    from brigade.jobs.notification import find_failure_advice

    return {
        "id": job.id,
        "status": job.status,
        "operation": job.operation,
        "total": job.total,
        "succeeded": job.succeeded,
        "failed": job.failed,
        "priority": job.priority,
        "created": moment(job.created),
        "ended": job.ended and moment(job.ended),
        "active_seconds": job.active_seconds,
        "description": job.description,
        "report": job.report,
        "reasons": [
            {"code": code, "text": text, "remedy": find_failure_advice(code, text)} for code, text in job.reasons
        ],
    }


def job_text(document: Mapping[str, Any]) -> str:
    """Give the same as text, with what to do next."""
    told = [f"{name}: {value}" for name, value in document.items() if name != "reasons" and value is not None]
    told += [f"failure: {why['code']}: {why['text']}\n  remedy: {why['remedy']}" for why in document["reasons"]]
    if document["status"] == "Suspended":
        told.append(f"next: brigade jobs confirm {document['id']}, or cancel; S3 fails it after 30 days")
    elif document["failed"] and document["ended"]:
        told.append(
            f"next: brigade jobs report {document['id']} --failed, then brigade jobs retry {document['id']} --all"
        )
    return "\n".join(told)


@dataclass(frozen=True)
class Budget:
    """The limit of a job: past so many failed tasks, or such a price so far, the watcher cancels it."""

    quote: "Quote"
    failures: int | None
    dollars: float | None

    def broken(self, job: "Job") -> str | None:
        """Return which limit `job` has passed; None if none."""
        if self.failures is not None and job.failed > self.failures:
            return f"{job.failed} tasks failed, more than {self.failures}"
        if self.dollars is not None and (spent := self.quote.dollars(job.done)) > self.dollars:
            return f"it has cost ${spent:.4f} by the estimate, more than ${self.dollars}"
        return None


def watch(session: Session, control: "JobsClient", job: str, budget: Budget | None = None) -> None:
    """Show a job's progress on stderr to its end and give it on stdout; exits 1 if not everything was done."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    from brigade.jobs.client import follow_job

    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        console=session.terminal,
        disable=session.quiet or not session.terminal.is_terminal,
    )
    seen, told, stopped = None, "", ""
    try:
        with bar:
            line = bar.add_task("")
            for seen in follow_job(control, job):
                pace = f", {seen.rate:,.0f} a second" if seen.rate else ""
                pace += f", {span(seen.seconds_left)} left" if seen.seconds_left else ""
                failed = f", {seen.failed} failed" if seen.failed else ""
                bar.update(line, description=seen.status + failed + pace, completed=seen.done, total=seen.total or None)
                progress = f"{job} {seen.status}: {seen.done} of {seen.total}, {seen.failed} failed{pace}"
                if bar.disable and progress != told:
                    session.say(progress)
                told = progress
                if budget and not seen.over and not stopped and (stopped := budget.broken(seen) or ""):
                    session.say(f"{job} is cancelled: {stopped}")
                    control.request(job, "Cancelled", stopped[:256])
    except KeyboardInterrupt:
        if not session.quiet:
            # Not by the console: the interrupt may have come while it was printing, and then it prints no more.
            told = f"Job {job} goes on. Come back: brigade jobs watch {job}. Stop it: brigade jobs cancel {job}."
            print(f"\n{told}", file=sys.stderr)
        raise typer.Exit(130) from None
    assert seen is not None  # noqa: S101 - follow gives the job at least once
    document = job_document(seen)
    session.give(document, job_text(document))
    if not seen.well:
        raise typer.Exit(1)


def report(session: Session, job: str, tally: "Tally", tasks: "Iterator[ReportTask]", form: str) -> None:
    """Give a report: the counts of the whole job, then rows: the first of ``tasks``, or as csv or jsonl all of them."""
    if form != "table":
        _write_rows(tasks, form)
        session.say(_counted(tally))
        return
    from brigade.operations.outcome import truncate_text

    shown = list(itertools.islice(tasks, _ROWS_SHOWN))
    reasons = [
        {
            "status": reason.status,
            "code": reason.code,
            "tasks": reason.tasks,
            "message": reason.shape,
            "example": reason.example.key,
        }
        for reason in tally.reasons
    ]
    if session.json:
        counts = {"id": job, "succeeded": tally.succeeded, "failed": tally.failed}
        session.give({**counts, "reasons": reasons, "tasks": [_fields(task) for task in shown]})
        return
    session.say(_counted(tally))
    session.table(["result", "code", "tasks", "message", "example"], [tuple(reason.values()) for reason in reasons])
    print()
    rows = [(task.status, task.code, task.key, truncate_text(task.message, _MESSAGE_BYTES)) for task in shown]
    session.table(["status", "code", "key", "message"], rows)
    if next(tasks, None):
        session.say(f"The first {len(shown)} rows; --format csv or jsonl gives all.")


def _counted(tally: "Tally") -> str:
    counts = {"succeeded": tally.succeeded, "failed": tally.failed}
    return ", ".join(f"{count:,} {what}" for what, count in counts.items() if count) or "no task"


def _write_rows(tasks: "Iterable[ReportTask]", form: str) -> None:
    if form == "csv":
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(_COLUMNS)
        writer.writerows(_fields(task).values() for task in tasks)
    else:
        for task in tasks:
            print(json.dumps(_fields(task), ensure_ascii=False))


def _fields(task: "ReportTask") -> dict[str, Any]:
    values = (task.bucket, task.key, task.version_id, task.status, task.http_status, task.code, task.message)
    return dict(zip(_COLUMNS, values, strict=True))


def span(seconds: float) -> str:
    """Give a length of time as a person says it: ``45s``, ``12m``, ``3h05m``, ``4d07h``."""
    minutes, left = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days}d{hours:02}h"
    if hours:
        return f"{hours}h{minutes:02}m"
    return f"{minutes}m" if minutes else f"{left}s"


def moment(when: datetime) -> str:
    """Give an instant as ISO text to the second."""
    return when.isoformat(timespec="seconds")


def _one_line(key: str) -> str:
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in key)
