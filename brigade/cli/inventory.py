"""``brigade inventory``: what is in the lake, from S3's own lists."""

import itertools
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from brigade.cli.session import Session

if TYPE_CHECKING:
    from brigade.inventory import Delivery

app = typer.Typer(no_args_is_help=True, help="What is in the lake, from S3's own lists of it.")

_TABLE_ROWS = 10_000  # a table is laid out whole in memory: a longer answer is several, each with its header


@app.command()
def deliveries(
    context: typer.Context,
    uri: Annotated[
        str | None,
        typer.Argument(help="Folder of an inventory configuration, s3://bucket/prefix/source/id; default: the lake's."),
    ] = None,
) -> None:
    """List the deliveries that S3 has finished, newest first."""
    from brigade import inventory

    session: Session = context.obj
    if uri is None:
        found = inventory.deliveries(session.client("s3"), *_configuration(session))
    else:
        found = inventory.deliveries(session.client("s3"), *_folder(uri))
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
    form: Annotated[Literal["csv", "tsv", "jsonl"] | None, typer.Option("--format", help="Default csv.")] = None,
) -> None:
    """Stream the rows of a delivery to stdout, keys as they are."""
    from brigade.inventory import read
    from brigade.inventory.rows import schema
    from brigade.inventory.text import lines

    session: Session = context.obj
    opened = _delivery(session, delivery)
    names = [name.strip() for name in columns.split(",")] if columns is not None else list(opened.manifest.columns)
    batches = read(session.client("s3"), opened, names, where)
    for text in lines(schema(opened.manifest, names), batches, form or ("jsonl" if session.json else "csv")):
        sys.stdout.buffer.write(text)
    sys.stdout.buffer.flush()


@app.command()
def sql(
    context: typer.Context,
    query: Annotated[str, typer.Argument(help="A SELECT over the table inventory, in Athena's SQL.")],
    engine: Annotated[Literal["duckdb", "athena"], typer.Option(help="Here, or on Athena.")] = "duckdb",
    delivery: Annotated[str, typer.Option(help="latest, s3://…/manifest.json, or a path.")] = "latest",
) -> None:
    """Ask SQL of a delivery, here or on Athena: the same query means the same on both."""
    from brigade import inventory

    session: Session = context.obj
    if engine == "athena":
        _ask_athena(session, query, delivery)
        return
    result = inventory.query(session.client("s3"), _delivery(session, delivery), query)
    _tables(session, result.columns, result.rows())


def _ask_athena(session: Session, query: str, delivery: str) -> None:
    from brigade.inventory import athena, dialect

    deployed = session.deployment
    partition = None
    if not dialect.mentions(dialect.parsed(query), "dt"):
        partition = _delivery(session, delivery).partition
        session.say(f"The query names no dt: it reads the delivery dt = '{partition}'.")
    database = deployed["Database"]
    statement = athena.statement(session.client("glue"), database, deployed["InventoryTable"], query, partition)
    answer = athena.query(session.client("athena"), deployed["Workgroup"], database, statement)
    session.say(f"Athena read {answer.scanned:,} bytes for about ${answer.dollars:.5f} (query {answer.id}).")
    _tables(session, answer.columns, answer.rows)


def _tables(session: Session, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    left = iter(rows)
    part = list(itertools.islice(left, _TABLE_ROWS))
    while True:
        session.table(columns, part)
        part = list(itertools.islice(left, _TABLE_ROWS))
        if not part:
            return


def _delivery(session: Session, text: str) -> "Delivery":
    from brigade import inventory

    if text == "latest":
        return inventory.latest(session.client("s3"), *_configuration(session))
    return inventory.open_delivery(session.client("s3"), text)


def _configuration(session: Session) -> tuple[str, str, str, str]:
    deployed = session.deployment
    return deployed["ReportsBucket"], deployed["InventoryPrefix"], deployed["LakeBucket"], deployed["InventoryId"]


def _folder(uri: str) -> tuple[str, str, str, str]:
    from brigade.errors import UsageError

    bucket, *parts = uri.removeprefix("s3://").rstrip("/").split("/")
    if not uri.startswith("s3://") or len(parts) < 2:
        raise UsageError(f"{uri!r} is no folder of an inventory configuration: it takes s3://bucket/prefix/source/id")
    return bucket, "/".join(parts[:-2]), parts[-2], parts[-1]
