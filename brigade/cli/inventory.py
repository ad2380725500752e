"""``brigade inventory``: what is in the lake and in other buckets, from S3's own lists."""

from contextlib import closing
from typing import Annotated, Literal

import typer

from brigade.cli import inventory_enable, inventory_queue, inventory_sql
from brigade.cli.combinations import combining
from brigade.cli.inventory_delivery import Bucket, Progress, opened, place, write
from brigade.cli.options import sharing
from brigade.cli.session import Session

app = typer.Typer(add_completion=False, no_args_is_help=True, help="What is in the lake, from S3's own lists of it.")
app.command("sql")(inventory_sql.sql)
app.command("questions")(inventory_sql.questions)
app.command("ask")(inventory_sql.ask)
app.command("to-queue")(inventory_queue.to_queue)
app.command("enable")(sharing(inventory_enable.enable))
app.command("disable")(sharing(inventory_enable.disable))


@app.command()
@combining(excludes={"bucket": "uri"})
def deliveries(
    context: typer.Context,
    uri: Annotated[
        str | None,
        typer.Argument(help="Folder of an inventory configuration, s3://bucket/prefix/source/id; default: the lake's."),
    ] = None,
    bucket: Bucket = None,
) -> None:
    """List the deliveries that S3 has finished, newest first."""
    from brigade import inventory

    session: Session = context.obj
    where = place(session, bucket) if uri is None else _folder(uri)
    found = inventory.list_deliveries(session.client("s3"), *where)
    if not found:
        session.say("No delivery yet: S3 writes the first within 48 hours (local: brigade local deliver-inventory).")
    session.table(
        ("taken", "format", "files", "bytes", "manifest"),
        (
            (
                f"{each.taken:%Y-%m-%d %H:%M}",
                each.manifest.format,
                len(each.manifest.files),
                each.manifest.size,
                each.uri,
            )
            for each in found
        ),
    )


@app.command()
def rows(
    context: typer.Context,
    delivery: Annotated[
        str, typer.Argument(help="latest, s3://…/manifest.json, or the path of a copy's manifest.json.")
    ] = "latest",
    columns: Annotated[str | None, typer.Option(help="Columns, by commas: key,size; default: all.")] = None,
    where: Annotated[str | None, typer.Option(help="Condition in Athena's SQL: size > 1000000.")] = None,
    form: Annotated[
        Literal["csv", "tsv", "jsonl", "parquet", "keys0"] | None,
        typer.Option("--format", help="Default csv; keys0 is keys alone, each ended by NUL, for xargs -0."),
    ] = None,
    bucket: Bucket = None,
) -> None:
    """Stream the rows of a delivery to stdout, keys as they are."""
    from brigade.inventory import read
    from brigade.inventory.rows.scanner import schema
    from brigade.inventory.rows.serialize import serialize_rows

    session: Session = context.obj
    chosen = opened(session, delivery, bucket)
    if columns is not None:
        names = [name.strip() for name in columns.split(",")]
    else:
        names = ["key"] if form == "keys0" else list(chosen.manifest.columns)
    progress = Progress(session, [chosen])
    with closing(read(chosen, names, where, progress.ended)) as batches, progress.shown():
        wanted = schema(chosen.manifest, names)
        write(serialize_rows(wanted, progress.counted(batches), form or ("jsonl" if session.json else "csv")))


@app.command()
def diff(
    context: typer.Context,
    before: Annotated[str, typer.Argument(help="The older delivery: s3://…/manifest.json or a path.")],
    after: Annotated[str, typer.Argument(help="The newer one: latest, s3://…/manifest.json or a path.")] = "latest",
    form: Annotated[Literal["csv", "tsv", "jsonl"] | None, typer.Option("--format", help="Default csv.")] = None,
    bucket: Bucket = None,
) -> None:
    """Stream the keys that were added, removed or changed between two deliveries, in no order."""
    import tempfile

    from brigade.errors import UsageError
    from brigade.inventory.rows.serialize import serialize_rows
    from brigade.inventory.sql.difference import compare_deliveries
    from brigade.inventory.sql.duckdb_query import MEMORY

    session: Session = context.obj
    if bucket and "latest" not in (before, after):
        raise UsageError(f"--bucket {bucket} and the addresses: an address says already whose delivery it is")
    first, second = (opened(session, each, bucket if each == "latest" else None) for each in (before, after))
    session.say(f"Compares in {MEMORY} of memory; what is over goes to {tempfile.gettempdir()} until the end.")
    result = compare_deliveries(first, second)
    write(serialize_rows(result.schema, result.batches, form or ("jsonl" if session.json else "csv")))


def _folder(uri: str) -> tuple[str, str, str, str]:
    from brigade.errors import UsageError

    bucket, *parts = uri.removeprefix("s3://").rstrip("/").split("/")
    if not uri.startswith("s3://") or len(parts) < 2:
        raise UsageError(f"{uri!r} is no folder of an inventory configuration: it takes s3://bucket/prefix/source/id")
    return bucket, "/".join(parts[:-2]), parts[-2], parts[-1]
