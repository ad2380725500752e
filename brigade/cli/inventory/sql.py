"""`brigade inventory sql`, `questions` and `ask`: query a delivery, on this machine or on Athena."""

import itertools
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from brigade.cli.inventory.delivery import Bucket, DeliveryOption, inventory_location, open_delivery, table_name
from brigade.cli.options import parse_arguments
from brigade.cli.session import Session

if TYPE_CHECKING:
    from sqlglot import exp

    from brigade.inventory import Delivery

_TABLE_ROWS = 10_000  # a table is laid out in memory; a longer result is printed as several tables

Engine = Annotated[Literal["duckdb", "athena"], typer.Option(help="Run on this machine (duckdb) or on Athena.")]


def sql(
    context: typer.Context,
    query: Annotated[
        str, typer.Argument(metavar="QUERY", help="SELECT over the table `inventory`, in the SQL of Athena.")
    ],
    engine: Engine = "duckdb",
    delivery: DeliveryOption = "latest",
    bucket: Bucket = None,
) -> None:
    """Run a SQL query on a delivery, on this machine or on Athena, with the same result.

    Use it for counts, sums and lists of objects. On Athena the price follows from the bytes read and is printed. A
    query that names no `dt` reads one delivery.

    Examples:
        brigade inventory sql "SELECT count(*), sum(size) FROM inventory"
        brigade inventory sql "SELECT key FROM inventory ORDER BY size DESC LIMIT 10" --engine athena
    """
    from brigade.inventory.sql import dialect

    session: Session = context.obj
    parsed = dialect.parse_query(query)
    if engine == "duckdb":
        _here(session, query, delivery, bucket)
    else:
        _on_athena(session, query, _deliveries(session, parsed, delivery, bucket))


def questions(context: typer.Context) -> None:
    """List the named queries that `ask` runs, and their arguments.

    Use it to find a query for a common question: growth, duplicates, small objects, storage classes.

    Examples:
        brigade inventory questions
        brigade --json inventory questions
    """
    from brigade.catalog import QUESTIONS

    session: Session = context.obj
    session.print_table(
        ("question", "arguments", "answers"),
        (
            (each.name, " ".join(f"{name}={value}" for name, value in each.arguments.items()), each.answers)
            for each in QUESTIONS
        ),
    )


def ask(
    context: typer.Context,
    question: Annotated[
        str, typer.Argument(metavar="QUESTION", help="Name of a query: see `brigade inventory questions`.")
    ],
    argument: Annotated[
        list[str] | None,
        typer.Option(
            "--argument", metavar="NAME=NUMBER", show_default="of the query", help="Argument. May be repeated."
        ),
    ] = None,
    engine: Engine = "duckdb",
    delivery: DeliveryOption = "latest",
    bucket: Bucket = None,
) -> None:
    """Run a named query on a delivery, on this machine or on Athena.

    Use it for common questions without writing SQL. The stack saves the same queries in Athena.

    Examples:
        brigade inventory ask largest
        brigade inventory ask largest --argument count=20 --engine athena
    """
    from brigade import catalog

    session: Session = context.obj
    asked = catalog.question(question)
    chosen = open_delivery(session, delivery, bucket)
    text = asked.text([*chosen.manifest.columns, "dt"], parse_arguments(argument or []))
    if engine == "duckdb":
        _here(session, text, delivery, bucket)
    else:
        _on_athena(session, text, [chosen])


def _here(session: Session, query: str, delivery: str, bucket: str | None) -> None:
    from brigade.inventory import query as run

    result = run(open_delivery(session, delivery, bucket), query)
    _tables(session, result.columns, result.rows())


def _deliveries(session: Session, query: "exp.Query", delivery: str, bucket: str | None) -> "list[Delivery]":
    """Return the deliveries that a query on Athena reads: that of `--delivery`, or those that its `dt` names.

    Raises:
        NotFound: No finished delivery has a `dt` that the query names.
    """
    from brigade import inventory
    from brigade.errors import NotFound
    from brigade.inventory.sql.partitions import reads_dt, select_partitions

    if delivery != "latest" or not reads_dt(query):
        chosen = open_delivery(session, delivery, bucket)
        session.note(f"Athena reads the delivery dt = '{chosen.partition}'.")
        return [chosen]
    there = {
        each.partition: each
        for each in inventory.list_deliveries(session.client("s3"), *inventory_location(session, bucket))
    }
    wanted = select_partitions(query, list(there))
    if not wanted:
        raise NotFound("no delivery has the dt that the query names: brigade inventory deliveries lists them")
    session.note(f"The query names dt: Athena reads {len(wanted)} of {len(there)} deliveries.")
    return [there[partition] for partition in wanted]


def _on_athena(session: Session, query: str, deliveries: "list[Delivery]") -> None:
    from brigade.inventory.sql import athena

    deployed = session.deployment
    name = table_name(session, deliveries[0].manifest.source_bucket)
    statement = athena.build_statement(session.client("glue"), deployed["Database"], name, query, deliveries)
    with session.terminal.status("Athena …") if session.terminal.is_terminal else nullcontext() as status:
        answer = athena.query(
            session.client("athena"),
            deployed["Workgroup"],
            deployed["Database"],
            statement,
            lambda state, scanned: status.update(f"Athena {state.lower()}, {scanned:,} bytes read") if status else None,
        )
    session.note(f"Athena read {answer.scanned:,} bytes for about ${answer.dollars:.5f} (query {answer.id}).")
    _tables(session, answer.columns, answer.rows)


def _tables(session: Session, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    left = iter(rows)
    part = list(itertools.islice(left, _TABLE_ROWS))
    while True:
        session.print_table(columns, part)
        part = list(itertools.islice(left, _TABLE_ROWS))
        if not part:
            return
