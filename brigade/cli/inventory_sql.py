"""``brigade inventory sql``: questions to a delivery, here or on Athena."""

import itertools
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal

import typer

from brigade.cli.inventory_delivery import Bucket, opened
from brigade.cli.session import Session

_TABLE_ROWS = 10_000  # a table is laid out whole in memory: a longer answer is several, each with its header

Engine = Annotated[Literal["duckdb", "athena"], typer.Option(help="Here, or on Athena.")]
Chosen = Annotated[str, typer.Option(help="latest, s3://…/manifest.json, or a path.")]


def sql(
    context: typer.Context,
    query: Annotated[str, typer.Argument(help="A SELECT over the table inventory, in Athena's SQL.")],
    engine: Engine = "duckdb",
    delivery: Chosen = "latest",
    bucket: Bucket = None,
) -> None:
    """Ask SQL of a delivery, here or on Athena: the same query means the same on both."""
    from brigade import inventory

    session: Session = context.obj
    if engine == "athena":
        _ask_athena(session, query, delivery)
        return
    result = inventory.query(session.client("s3"), opened(session, delivery, bucket), query)
    _tables(session, result.columns, result.rows())


def _ask_athena(session: Session, query: str, delivery: str) -> None:
    from brigade.inventory import athena, dialect

    deployed = session.deployment
    partition = None
    if not dialect.mentions(dialect.parsed(query), "dt"):
        partition = opened(session, delivery).partition
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
