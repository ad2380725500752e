"""``brigade ingest``: run a source here or where it is deployed, and see what it did."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from brigade.cli import ingest_dates, ingest_deployed
from brigade.cli import ingest_source as at
from brigade.cli.combinations import combining
from brigade.cli.ingest_progress import shown
from brigade.cli.session import Session
from brigade.errors import UsageError

if TYPE_CHECKING:
    from brigade.ingest.declare.source import BaseSource
    from brigade.ingest.declare.target import Target
    from brigade.ingest.read.reader import PageReader

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Bring an API's records into the lake, once a date.")


@app.command("list")
def list_(context: typer.Context) -> None:
    """List the sources, when they run, and the last date that each published."""
    session: Session = context.obj
    found, broken = at.sources()
    rows: list[tuple[str, str | None, str | None, str | None, str | None, str | None]] = []
    for name, source in found.items():
        rows.append((name, source.schedule, source.time_zone, source.address, at.last(session, name), None))
    rows.extend((name, None, None, None, None, str(error)) for name, error in broken.items())
    columns = ("source", "schedule", "time_zone", "address", "last", "broken")
    session.table(columns, sorted(rows, key=lambda row: row[0]))


@app.command()
@combining(needs={"yes": "replace"}, excludes={"replace": "dry_run to", "to": "dry_run"})
def run(
    context: typer.Context,
    name: at.Name,
    date: at.Date = None,
    to: Annotated[
        str | None,
        typer.Option(help="s3://bucket/key, a path (gzip if it ends in .gz), or - for stdout; default: the lake."),
    ] = None,
    limit_pages: Annotated[
        int | None, typer.Option(min=1, help="Stop well after N pages; only with --to a path or -, or --dry-run.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Fetch and count, write nothing.")] = False,
    replace: at.Replace = False,
    yes: at.Yes = False,
) -> None:
    """Run a source in this process, by the code of its Lambda function. Published already: exit 3."""
    session: Session = context.obj
    source = at.source(name)
    if to is not None and (not to or to.endswith(".zst")):
        raise UsageError(f"--to is {to!r}; it takes s3://bucket/key, a path (gzip if it ends in .gz), or -")
    if limit_pages and not dry_run and (to is None or to.startswith("s3://")):
        raise UsageError(
            "--limit-pages makes part of a date, which is never published: add --dry-run, --to PATH or --to -"
        )
    if replace:
        at.sure(session, name, date, yes=yes)
    if to is None and not dry_run:
        _run_to_lake(session, name, source, date, replace=replace)
    else:
        _extract(session, name, source, date, to, limit_pages, dry_run=dry_run)


@app.command()
def check(context: typer.Context, name: at.Name) -> None:
    """Fetch the first page of a source and tell what is in it; write nothing."""
    session: Session = context.obj
    source = at.source(name)
    taken = at.one_pass(session, name, source, None, 1)
    for _ in taken.lines():
        pass
    profile = taken.profile
    session.give(
        {
            "source": name,
            "url": taken.api.address(None),
            "records": taken.records,
            "broken": taken.broken,
            "mean_bytes": round(profile.mean),
            "widest_bytes": profile.widest,
            "more": taken.more,
            "absent": [path for path in source.values if path not in taken.met],
            "fields": profile.fields,
        }
    )


app.command()(ingest_deployed.invoke)
app.command()(ingest_deployed.backfill)
app.command()(ingest_dates.replay)
app.command()(ingest_dates.show)
app.command()(ingest_dates.reset)


def _run_to_lake(session: Session, name: str, source: "BaseSource", date: str | None, *, replace: bool) -> None:
    import msgspec

    from brigade.ingest.partitions import Partitions
    from brigade.ingest.run import Run

    target, s3 = at.target(session, name, source, date), session.client("s3")

    def run(target: "Target", api: "PageReader") -> Any:
        with shown(session, name, api) as seen:
            return Run(
                source=source,
                target=target,
                api=seen,
                s3=s3,
                remaining=at.unlimited,
                say=session.say,
                replace=replace,
            )()

    api = at.api(session, name, source, target.date, state=target.state)
    if source.partitions == 1 or replace:
        outcome = run(target, api)
    else:
        partitions = Partitions(source, target, api, s3)
        while (outcome := partitions()).outcome == "partitions":
            for partition in outcome.partitions:
                run(*partitions.open_partition(partition))
    at.finish(session, msgspec.to_builtins(outcome))


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

    taken = at.one_pass(session, name, source, date, limit_pages)
    day = taken.stamp.date
    if to == "-" and not dry_run:  # stdout is the data's, and may be the terminal
        extract.write_stream(taken.lines(), sys.stdout.buffer)
    else:
        with shown(session, name, taken.api) as taken.api:
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
        session.say(f"{name} {day}: {taken.records} records of {taken.pages} pages")
    else:
        session.give(document)
