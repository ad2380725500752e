"""`brigade ingest`: run a source here or on AWS, and inspect its dates."""

import typer

from brigade.cli.groups import command_group
from brigade.cli.ingest import sources
from brigade.cli.ingest.dates import replay, reset, show
from brigade.cli.ingest.deployed import backfill, invoke
from brigade.cli.ingest.run import run
from brigade.cli.session import Session

app = command_group("Ingest the records of an API or a table into the lake, once for each date.")


@app.command("list")
def list_(context: typer.Context) -> None:
    """List the sources with their schedule, address and last published date.

    Use it to see the names that the other commands accept, and whether a source is late.

    Examples:
        brigade ingest list
        brigade --json ingest list
    """
    session: Session = context.obj
    found, broken = sources.find_sources()
    rows: list[tuple[str, str | None, str | None, str | None, str | None, str | None]] = []
    for name, source in found.items():
        rows.append(
            (name, source.schedule, source.time_zone, source.address, sources.last_published_date(session, name), None)
        )
    rows.extend((name, None, None, None, None, str(error)) for name, error in broken.items())
    columns = ("source", "schedule", "time_zone", "address", "last", "broken")
    session.print_table(columns, sorted(rows, key=lambda row: row[0]))


app.command()(run)


@app.command()
def check(context: typer.Context, name: sources.Name) -> None:
    """Fetch the first page of a source and print a description of its records. Writes nothing.

    Use it for a new source: it shows the fields with their types, the size of the records, and whether there is a next
    page. `absent` lists the declared paths that no record has.

    Examples:
        brigade ingest check demo
        brigade --json ingest check demo
    """
    session: Session = context.obj
    source = sources.find_source(name)
    taken = sources.open_extract(session, name, source, None, 1)
    for _ in taken.lines():
        pass
    profile = taken.profile
    session.print(
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


app.command()(invoke)
app.command()(backfill)
app.command()(replay)
app.command()(show)
app.command()(reset)
