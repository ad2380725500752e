"""`brigade pipe`: streams to and from objects of S3."""

from typing import Annotated

import typer

from brigade.cli.combinations import check_combinations
from brigade.cli.groups import command_group
from brigade.cli.options import Yes, expand_options
from brigade.cli.pipe.from_ import from_
from brigade.cli.pipe.options import ConditionOptions
from brigade.cli.pipe.to import check_key, to
from brigade.cli.session import Session

app = command_group("Stream stdin to S3 and S3 to stdout: in parallel, verified, never cut short.")
app.command()(to)
app.command("from")(from_)


@app.command()
@check_combinations(needs={"dry_run": "abort", "yes": "abort"})
def uploads(
    context: typer.Context,
    uri: Annotated[str, typer.Argument(metavar="s3://BUCKET[/PREFIX]", help="Bucket, and the prefix of the keys.")],
    abort: Annotated[bool, typer.Option("--abort", help="Abort the listed uploads and delete their parts.")] = False,
    older_than: Annotated[
        str, typer.Option(metavar="AGE", help="Only uploads that started longer ago than this: 12h, 1d, 2w.")
    ] = "0s",
    yes: Yes = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print what --abort would do.")] = False,
) -> None:
    """List unfinished multipart uploads, with the age, size and monthly price of their parts.

    Use it after a run was killed: S3 stores and bills the parts of an upload until it is completed or aborted. Add
    --abort to delete them.

    Examples:
        brigade pipe uploads s3://backups
        brigade pipe uploads s3://backups/nightly/ --abort --older-than 1d
    """
    from brigade.pipe.client import open_client
    from brigade.pipe.throttle import format_size
    from brigade.pipe.unfinished_uploads import abort_upload, list_unfinished
    from brigade.pipe.units import parse_age
    from brigade.s3.location import Location

    session: Session = context.obj
    bucket, prefix = Location.parse(uri)
    s3 = open_client(session.connection)
    found = list(list_unfinished(s3, bucket, prefix, older_than=parse_age(older_than)))
    session.print_table(
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
        session.note(f"Would abort {len(found)} uploads.")
        return
    total = format_size(sum(each.bytes for each in found))
    session.confirm(f"Abort {len(found)} uploads ({total})? Their parts are lost.", yes=yes)
    aborted = sum(abort_upload(s3, each) for each in found)
    ended = f"; {len(found) - aborted} had ended already" if aborted < len(found) else ""
    session.note(f"Aborted {aborted} uploads{ended}.")


@app.command()
@check_combinations(excludes={"no_overwrite": "if_match"})
@expand_options
def join(
    context: typer.Context,
    path: Annotated[str, typer.Argument(metavar="s3://BUCKET/PATH", help="The segments of `pipe to --segments`.")],
    uri: Annotated[str, typer.Argument(metavar="s3://BUCKET/KEY", help="The object to publish.")],
    conditions: ConditionOptions,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Copy nothing. Print the number and the size of the segments.")
    ] = False,
) -> None:
    """Publish one object made of segments. S3 copies the bytes; none pass through this machine.

    Use it when the writer of `pipe to --segments` has finished and readers want one object. Each segment must have
    5 MiB or more, and there may be 10,000 of them.

    Examples:
        brigade pipe join s3://backups/live s3://backups/shop.dump --no-overwrite
        brigade pipe join s3://backups/live s3://backups/shop.dump --dry-run
    """
    from brigade.pipe.client import open_client
    from brigade.pipe.segments import join as joining
    from brigade.s3.location import Location

    session: Session = context.obj
    source, target = Location.parse(path), check_key(Location.parse(uri))
    s3 = open_client(session.connection)
    if dry_run:
        segments = joining.plan_join(s3, source, target, condition=conditions.condition)
        size = sum(found.size for _, found in segments)
        session.print({"object": str(target), "segments": len(segments), "bytes": size})
        return
    written, size, proved = joining.join_segments(s3, source, target, condition=conditions.condition)
    document = {"object": str(target), "etag": written.etag, "bytes": size, "proved": proved}
    session.print(document, f"{target}: {size} bytes, ETag {written.etag}")
