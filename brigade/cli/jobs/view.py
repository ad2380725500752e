"""The output of `brigade jobs`: prices, jobs, progress, reports."""

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
"""Bytes of a message in a table; csv and jsonl have all of it."""
_COLUMNS = ("bucket", "key", "version_id", "status", "http_status", "code", "message")


def describe_price(quote: "Quote", what: str, summary: "SelectionSummary") -> tuple[dict[str, Any], str]:
    """Return the objects and the price of a job, as a document and as text."""
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
    """Return the question before a sample that writes or deletes: the operation and the keys."""
    from brigade.jobs.row import display_key

    values = "".join(f" {name}={value}" for name, value in arguments.items())
    lines = [f"The sample runs {operation}{values} for real on {len(rows)} objects:"]
    lines += [f"  {_one_line(display_key(row.key_text))}" for row in rows[:_ROWS_SHOWN]]
    return "\n".join([*lines, *(["  …"] if len(rows) > _ROWS_SHOWN else [])])


def describe_sample(operation: str, sample: "Sample") -> tuple[dict[str, Any], str]:
    """Return the results and the measured time of a sample, as a document and as text."""
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
    """Return the document of a job."""
    from brigade.jobs.notification import find_failure_advice

    return {
        "id": job.id,
        "status": job.status,
        "operation": job.operation,
        "total": job.total,
        "succeeded": job.succeeded,
        "failed": job.failed,
        "priority": job.priority,
        "created": format_time(job.created),
        "ended": job.ended and format_time(job.ended),
        "active_seconds": job.active_seconds,
        "description": job.description,
        "report": job.report,
        "reasons": [
            {"code": code, "text": text, "remedy": find_failure_advice(code, text)} for code, text in job.reasons
        ],
    }


def job_text(document: Mapping[str, Any]) -> str:
    """Return the document of a job as text, with the next command."""
    lines = [f"{name}: {value}" for name, value in document.items() if name != "reasons" and value is not None]
    lines += [f"failure: {why['code']}: {why['text']}\n  remedy: {why['remedy']}" for why in document["reasons"]]
    if document["status"] == "Suspended":
        lines.append(f"next: brigade jobs confirm {document['id']}, or cancel; S3 fails it after 30 days")
    elif document["failed"] and document["ended"]:
        lines.append(
            f"next: brigade jobs report {document['id']} --failed, then brigade jobs retry {document['id']} --all"
        )
    return "\n".join(lines)


@dataclass(frozen=True)
class Budget:
    """The limits of a job: the watcher cancels it after more failures or a higher price."""

    quote: "Quote"
    failures: int | None
    dollars: float | None

    def exceeded_by(self, job: "Job") -> str | None:
        """Return the reason to cancel `job`; None within the limits."""
        if self.failures is not None and job.failed > self.failures:
            return f"{job.failed} tasks failed, more than {self.failures}"
        if self.dollars is not None and (spent := self.quote.dollars(job.done)) > self.dollars:
            return f"it has cost ${spent:.4f} by the estimate, more than ${self.dollars}"
        return None


def watch_job(session: Session, control: "JobsClient", job: str, budget: Budget | None = None) -> None:
    """Print the progress of a job to stderr until its end, then the job. Exit 1 if anything failed."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    from brigade.jobs.client import follow_job

    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        console=session.terminal,
        disable=session.quiet or not session.terminal.is_terminal,
    )
    seen, last_line, stopped = None, "", ""
    try:
        with bar:
            line = bar.add_task("")
            for seen in follow_job(control, job):
                pace = f", {seen.rate:,.0f} a second" if seen.rate else ""
                pace += f", {format_duration(seen.seconds_left)} left" if seen.seconds_left else ""
                failed = f", {seen.failed} failed" if seen.failed else ""
                bar.update(line, description=seen.status + failed + pace, completed=seen.done, total=seen.total or None)
                progress = f"{job} {seen.status}: {seen.done} of {seen.total}, {seen.failed} failed{pace}"
                if bar.disable and progress != last_line:
                    session.note(progress)
                last_line = progress
                if budget and not seen.over and not stopped and (stopped := budget.exceeded_by(seen) or ""):
                    session.note(f"{job} is cancelled: {stopped}")
                    control.request(job, "Cancelled", stopped[:256])
    except KeyboardInterrupt:
        if not session.quiet:
            # print, because the interrupt may have stopped the console within its own printing
            advice = f"Job {job} continues. Watch it: brigade jobs watch {job}. Cancel it: brigade jobs cancel {job}."
            print(f"\n{advice}", file=sys.stderr)
        raise typer.Exit(130) from None
    assert seen is not None  # noqa: S101 - follow yields the job at least once
    document = job_document(seen)
    session.print(document, job_text(document))
    if not seen.well:
        raise typer.Exit(1)


def print_report(session: Session, job: str, tally: "Tally", tasks: "Iterator[ReportTask]", form: str) -> None:
    """Print a report: the counts of the whole job, then the first rows; as csv or jsonl all rows."""
    if form != "table":
        _write_rows(tasks, form)
        session.note(_counted(tally))
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
        session.print({**counts, "reasons": reasons, "tasks": [_fields(task) for task in shown]})
        return
    session.note(_counted(tally))
    session.print_table(
        ["result", "code", "tasks", "message", "example"], [tuple(reason.values()) for reason in reasons]
    )
    print()
    rows = [(task.status, task.code, task.key, truncate_text(task.message, _MESSAGE_BYTES)) for task in shown]
    session.print_table(["status", "code", "key", "message"], rows)
    if next(tasks, None):
        session.note(f"The first {len(shown)} rows; --format csv or jsonl prints all.")


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


def format_duration(seconds: float) -> str:
    """Return a duration as text: `45s`, `12m`, `3h05m`, `4d07h`."""
    minutes, left = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days}d{hours:02}h"
    if hours:
        return f"{hours}h{minutes:02}m"
    return f"{minutes}m" if minutes else f"{left}s"


def format_time(when: datetime) -> str:
    """Return a time in ISO 8601, to the second."""
    return when.isoformat(timespec="seconds")


def _one_line(key: str) -> str:
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in key)
