"""`brigade ingest run`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from brigade.cli.combinations import check_combinations
from brigade.cli.ingest import sources
from brigade.cli.ingest.progress import show_progress
from brigade.cli.options import Yes
from brigade.cli.session import Session
from brigade.errors import UsageError

if TYPE_CHECKING:
    from brigade.ingest.declare.source import BaseSource
    from brigade.ingest.declare.target import Target
    from brigade.ingest.read.reader import PageReader


@check_combinations(needs={"yes": "replace"}, excludes={"replace": "dry_run to", "to": "dry_run"})
def run(
    context: typer.Context,
    name: sources.Name,
    date: sources.Date = None,
    to: Annotated[
        str | None,
        typer.Option(
            metavar="s3://BUCKET/KEY|PATH|-",
            show_default="the lake",
            help="Write here instead of publishing: an object, a file (gzip if it ends in .gz), or - for stdout.",
        ),
    ] = None,
    limit_pages: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="PAGES",
            show_default="all",
            help="Stop after this many pages. Only with --dry-run, --to PATH or --to -.",
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Fetch and count the records, and write nothing.")] = False,
    replace: sources.Replace = False,
    yes: Yes = False,
) -> None:
    """Run a source in this process, with the code of its Lambda function.

    Use it to develop a source (--dry-run, --to) or to publish a date from this machine. A date that is published before
    stays as it is, and the exit status is 3.

    Examples:
        brigade ingest run demo --dry-run --limit-pages 2
        brigade ingest run demo --date 2026-11-22 --to demo.jsonl.gz
    """
    session: Session = context.obj
    source = sources.find_source(name)
    if to is not None and (not to or to.endswith(".zst")):
        raise UsageError(f"--to is {to!r}; it takes s3://bucket/key, a path (gzip if it ends in .gz), or -")
    if limit_pages and not dry_run and (to is None or to.startswith("s3://")):
        raise UsageError(
            "--limit-pages reads a part of a date, which is never published: add --dry-run, --to PATH or --to -"
        )
    if replace:
        sources.confirm_replacement(session, name, date, yes=yes)
    if to is None and not dry_run:
        _run_to_lake(session, name, source, date, replace=replace)
    else:
        _extract(session, name, source, date, to, limit_pages, dry_run=dry_run)


def _run_to_lake(session: Session, name: str, source: "BaseSource", date: str | None, *, replace: bool) -> None:
    import msgspec

    from brigade.ingest.partitions import Partitions
    from brigade.ingest.run import Run

    target, s3 = sources.find_target(session, name, source, date), session.client("s3")

    def run(target: "Target", api: "PageReader") -> Any:
        with show_progress(session, name, api) as seen:
            return Run(
                source=source,
                target=target,
                api=seen,
                s3=s3,
                remaining=sources.unlimited,
                say=session.note,
                replace=replace,
            )()

    api = sources.open_reader(session, name, source, target.date, state=target.state)
    if source.partitions == 1 or replace:
        outcome = run(target, api)
    else:
        partitions = Partitions(source, target, api, s3)
        while (outcome := partitions()).outcome == "partitions":
            for partition in outcome.partitions:
                run(*partitions.open_partition(partition))
    sources.print_outcome(session, msgspec.to_builtins(outcome))


def _extract(
    session: Session,
    name: str,
    source: "BaseSource",
    date: str | None,
    to: str | None,
    limit_pages: int | None,
    *,
    dry_run: bool,
) -> None:
    from brigade.ingest import extract
    from brigade.s3 import Location

    taken = sources.open_extract(session, name, source, date, limit_pages)
    day = taken.stamp.date
    if to == "-" and not dry_run:  # no progress: stdout carries the data and may be the terminal
        extract.write_stream(taken.lines(), sys.stdout.buffer)
    else:
        with show_progress(session, name, taken.api) as taken.api:
            if dry_run or not to:
                for _ in taken.lines():
                    pass
            elif to.startswith("s3://"):
                extract.write_object(taken.lines(), session.client("s3"), Location.parse(to))
            else:
                extract.write_file(taken.lines(), Path(to))
    counts = {"records": taken.records, "pages": taken.pages, "plain_bytes": taken.plain_bytes}
    document = {"source": name, "date": day, "to": None if dry_run else to, **counts}
    if to == "-" and not dry_run:
        session.note(f"{name} {day}: {taken.records} records of {taken.pages} pages")
    else:
        session.print(document)
