"""`brigade inventory`: query the objects of a bucket, from the deliveries of S3 Inventory."""

from contextlib import closing
from typing import Annotated, Literal

import typer

from brigade.cli.combinations import check_combinations
from brigade.cli.groups import command_group
from brigade.cli.inventory.delivery import (
    Bucket,
    DeliveryProgress,
    Where,
    inventory_location,
    open_delivery,
    write_stdout,
)
from brigade.cli.inventory.enable import disable, enable
from brigade.cli.inventory.sql import ask, questions, sql
from brigade.cli.inventory.to_queue import to_queue
from brigade.cli.options import expand_options
from brigade.cli.session import Session

app = command_group("Query the objects of a bucket without listing it, from S3 Inventory.")
app.command("sql")(sql)
app.command("questions")(questions)
app.command("ask")(ask)
app.command("to-queue")(to_queue)
app.command("enable")(expand_options(enable))
app.command("disable")(expand_options(disable))


@app.command()
@check_combinations(excludes={"bucket": "uri"})
def deliveries(
    context: typer.Context,
    uri: Annotated[
        str | None,
        typer.Argument(
            metavar="[s3://BUCKET/PREFIX/SOURCE/ID]",
            show_default="the inventory of the lake",
            help="Folder of an inventory configuration.",
        ),
    ] = None,
    bucket: Bucket = None,
) -> None:
    """List the finished deliveries of an inventory, newest first.

    Use it to find a delivery to query or to compare. S3 writes one each day or week, and the first one within 48 hours.

    Examples:
        brigade inventory deliveries
        brigade inventory deliveries s3://reports/inventory/photographs/lake
    """
    from brigade import inventory

    session: Session = context.obj
    where = inventory_location(session, bucket) if uri is None else _folder(uri)
    found = inventory.list_deliveries(session.client("s3"), *where)
    if not found:
        session.note("No delivery yet: S3 writes the first within 48 hours (local: brigade local deliver-inventory).")
    session.print_table(
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
        str, typer.Argument(metavar="[DELIVERY]", help="latest, s3://…/manifest.json, or the path of a manifest.json.")
    ] = "latest",
    columns: Annotated[
        str | None, typer.Option(metavar="NAMES", show_default="all", help="Columns, separated by commas: key,size.")
    ] = None,
    where: Where = None,
    form: Annotated[
        Literal["csv", "tsv", "jsonl", "parquet", "keys0"] | None,
        typer.Option(
            "--format",
            show_default="csv; jsonl with brigade --json",
            help="Output format. keys0 is only the keys, each ended by NUL, for xargs -0.",
        ),
    ] = None,
    bucket: Bucket = None,
) -> None:
    """Stream the rows of a delivery to stdout, with the exact bytes of each key.

    Use it to feed the list of objects to another program. It reads a billion rows in bounded memory. For counts and
    sums use `sql`.

    Examples:
        brigade inventory rows --columns key,size --where "size > 1000000"
        brigade inventory rows latest --format keys0 | xargs -0 -n 1 echo
    """
    from brigade.inventory import read
    from brigade.inventory.rows.scanner import schema
    from brigade.inventory.rows.serialize import serialize_rows

    session: Session = context.obj
    chosen = open_delivery(session, delivery, bucket)
    if columns is not None:
        names = [name.strip() for name in columns.split(",")]
    else:
        names = ["key"] if form == "keys0" else list(chosen.manifest.columns)
    progress = DeliveryProgress(session, [chosen])
    with closing(read(chosen, names, where, progress.ended)) as batches, progress.shown():
        wanted = schema(chosen.manifest, names)
        write_stdout(serialize_rows(wanted, progress.counted(batches), form or ("jsonl" if session.json else "csv")))


@app.command()
def diff(
    context: typer.Context,
    before: Annotated[
        str, typer.Argument(metavar="BEFORE", help="Older delivery: latest, s3://…/manifest.json or a path.")
    ],
    after: Annotated[
        str, typer.Argument(metavar="[AFTER]", help="Newer delivery: latest, s3://…/manifest.json or a path.")
    ] = "latest",
    form: Annotated[
        Literal["csv", "tsv", "jsonl"] | None,
        typer.Option("--format", show_default="csv; jsonl with brigade --json", help="Output format."),
    ] = None,
    bucket: Bucket = None,
) -> None:
    """Stream the keys that were added, removed or changed between two deliveries, in no order.

    Use it to find the keys that a job changed, or the keys added since yesterday. Rows that do not fit in memory are
    stored in the temporary folder until the command ends.

    Examples:
        brigade inventory diff s3://reports/inventory/lake/lake/2026-11-21T00-00Z/manifest.json latest
        brigade inventory diff old/manifest.json new/manifest.json --format jsonl
    """
    import tempfile

    from brigade.errors import UsageError
    from brigade.inventory.rows.serialize import serialize_rows
    from brigade.inventory.sql.difference import compare_deliveries
    from brigade.inventory.sql.duckdb_query import MEMORY

    session: Session = context.obj
    if bucket and "latest" not in (before, after):
        raise UsageError(f"--bucket {bucket} and the addresses: an address already names the bucket")
    first, second = (open_delivery(session, each, bucket if each == "latest" else None) for each in (before, after))
    session.note(f"Compares in {MEMORY} of memory; rows beyond that go to {tempfile.gettempdir()} until the end.")
    result = compare_deliveries(first, second)
    write_stdout(serialize_rows(result.schema, result.batches, form or ("jsonl" if session.json else "csv")))


def _folder(uri: str) -> tuple[str, str, str, str]:
    from brigade.errors import UsageError

    bucket, *parts = uri.removeprefix("s3://").rstrip("/").split("/")
    if not uri.startswith("s3://") or len(parts) < 2:
        raise UsageError(f"{uri!r} is not the folder of an inventory configuration, s3://bucket/prefix/source/id")
    return bucket, "/".join(parts[:-2]), parts[-2], parts[-1]
