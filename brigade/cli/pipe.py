"""``brigade pipe``: streams to and from objects of S3."""

from typing import Annotated

import typer

from brigade.cli.combinations import combining
from brigade.cli.pipe_from import from_
from brigade.cli.pipe_to import condition, location, to
from brigade.cli.session import Session

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Streams to and from S3: parallel, verified, never cut short."
)
app.command()(to)
app.command("from")(from_)


@app.command()
@combining(needs={"dry_run": "abort", "yes": "abort"})
def uploads(
    context: typer.Context,
    uri: Annotated[str, typer.Argument(metavar="s3://BUCKET[/PREFIX]")],
    abort: Annotated[bool, typer.Option("--abort", help="Drop those that are listed, and their parts.")] = False,
    older_than: Annotated[str, typer.Option(metavar="AGE", help="Only those begun longer ago: 1d, 12h.")] = "0s",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Abort nothing; show what would be.")] = False,
) -> None:
    """List unfinished uploads: their parts are stored, and billed, until they are completed or aborted."""
    from brigade.pipe.client import open_client
    from brigade.pipe.throttle import format_size
    from brigade.pipe.unfinished_uploads import abort_upload as drop
    from brigade.pipe.unfinished_uploads import list_unfinished
    from brigade.pipe.units import parse_age
    from brigade.s3.location import Location

    session: Session = context.obj
    bucket, prefix = Location.parse(uri)
    s3 = open_client(session.connection)
    found = list(list_unfinished(s3, bucket, prefix, older_than=parse_age(older_than)))
    session.table(
        ("object", "upload", "begun", "hours", "parts", "bytes", "dollars_a_month"),
        (
            (
                str(each.location),
                each.id,
                f"{each.begun:%Y-%m-%dT%H:%M:%SZ}",
                round(each.age / 3600, 1),
                each.parts,
                each.bytes,
                round(each.dollars, 4),
            )
            for each in found
        ),
    )
    if not abort or not found:
        return
    if dry_run:
        session.say(f"Would abort {len(found)} uploads.")
        return
    total = format_size(sum(each.bytes for each in found))
    session.confirm(f"Abort {len(found)} uploads ({total})? What they hold is lost.", yes=yes)
    aborted = sum(drop(s3, each) for each in found)
    ended = f"; {len(found) - aborted} had ended already" if aborted < len(found) else ""
    session.say(f"Aborted {aborted} uploads{ended}.")


@app.command()
@combining(excludes={"no_overwrite": "if_match"})
def join(
    context: typer.Context,
    path: Annotated[str, typer.Argument(metavar="s3://BUCKET/PATH", help="Where the segments are.")],
    uri: Annotated[str, typer.Argument(metavar="s3://BUCKET/KEY", help="The object to make of them.")],
    no_overwrite: Annotated[bool, typer.Option("--no-overwrite", help="Only if there is no such object.")] = False,
    if_match: Annotated[str | None, typer.Option(metavar="ETAG", help="Only if the object has this ETag.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Copy nothing; say what would be done.")] = False,
) -> None:
    """Make one object of segments, by copies on the side of S3."""
    from brigade.pipe.client import open_client
    from brigade.pipe.segments import join as joining
    from brigade.s3.location import Location

    session: Session = context.obj
    source, target = Location.parse(path), location(Location.parse(uri))
    s3 = open_client(session.connection)
    wanted = condition(no_overwrite, if_match)
    if dry_run:
        segments = joining.plan_join(s3, source, target, condition=wanted)
        size = sum(found.size for _, found in segments)
        session.give({"object": str(target), "segments": len(segments), "bytes": size})
        return
    written, size, proved = joining.join_segments(s3, source, target, condition=wanted)
    document = {"object": str(target), "etag": written.etag, "bytes": size, "proved": proved}
    session.give(document, f"{target}: {size} bytes, ETag {written.etag}")
