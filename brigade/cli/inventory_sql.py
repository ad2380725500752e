"""``brigade inventory sql|questions|ask``: questions to a delivery, here or on Athena."""

import itertools
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from brigade.cli.inventory_delivery import Bucket, opened, place, table_of
from brigade.cli.session import Session

if TYPE_CHECKING:
    from sqlglot import exp

    from brigade.inventory import Delivery

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
    from brigade.inventory.sql import dialect

    session: Session = context.obj
    parsed = dialect.parse_query(query)
    if engine == "duckdb":
        _here(session, query, delivery, bucket)
    else:
        _on_athena(session, query, _deliveries(session, parsed, delivery, bucket))


def questions(context: typer.Context) -> None:
    """List the questions that ``ask`` knows, and the arguments that each takes."""
    from brigade.catalog import QUESTIONS

    session: Session = context.obj
    session.table(
        ("question", "arguments", "answers"),
        (
            (each.name, " ".join(f"{name}={value}" for name, value in each.arguments.items()), each.answers)
            for each in QUESTIONS
        ),
    )


def ask(
    context: typer.Context,
    question: Annotated[str, typer.Argument(help="One that brigade inventory questions lists.")],
    argument: Annotated[list[str] | None, typer.Option("--argument", help="name=number; again for another.")] = None,
    engine: Engine = "duckdb",
    delivery: Chosen = "latest",
    bucket: Bucket = None,
) -> None:
    """Ask a named question of a delivery, here or on Athena: the text that the stack saves there as a query."""
    from brigade import catalog
    from brigade.errors import UsageError

    session: Session = context.obj
    given = {}
    for each in argument or []:
        name, equals, value = each.partition("=")
        if not equals:
            raise UsageError(f"--argument {each}: it takes name=number")
        given[name] = value
    asked = catalog.question(question)
    chosen = opened(session, delivery, bucket)
    text = asked.text([*chosen.manifest.columns, "dt"], given)
    if engine == "duckdb":
        _here(session, text, delivery, bucket)
    else:
        _on_athena(session, text, [chosen])


def _here(session: Session, query: str, delivery: str, bucket: str | None) -> None:
    from brigade.inventory import query as run

    result = run(opened(session, delivery, bucket), query)
    _tables(session, result.columns, result.rows())


def _deliveries(session: Session, query: "exp.Query", delivery: str, bucket: str | None) -> "list[Delivery]":
    """Return what a query on Athena reads: the delivery of ``--delivery``, or those that it names by ``dt``.

    Fails with NotFound when it names by ``dt`` none that S3 has finished.
    """
    from brigade import inventory
    from brigade.errors import NotFound
    from brigade.inventory.sql.partitions import reads_dt, select_partitions

    if delivery != "latest" or not reads_dt(query):
        chosen = opened(session, delivery, bucket)
        session.say(f"Athena reads the delivery dt = '{chosen.partition}'.")
        return [chosen]
    there = {each.partition: each for each in inventory.list_deliveries(session.client("s3"), *place(session, bucket))}
    wanted = select_partitions(query, list(there))
    if not wanted:
        raise NotFound("the query names by dt no delivery that there is: brigade inventory deliveries lists them")
    session.say(f"The query names dt: Athena reads {len(wanted)} of {len(there)} deliveries.")
    return [there[partition] for partition in wanted]


def _on_athena(session: Session, query: str, deliveries: "list[Delivery]") -> None:
    from brigade.inventory.sql import athena

    deployed = session.deployment
    name = table_of(session, deliveries[0].manifest.source_bucket)
    statement = athena.build_statement(session.client("glue"), deployed["Database"], name, query, deliveries)
    with session.terminal.status("Athena …") if session.terminal.is_terminal else nullcontext() as status:
        answer = athena.query(
            session.client("athena"),
            deployed["Workgroup"],
            deployed["Database"],
            statement,
            lambda state, scanned: status.update(f"Athena {state.lower()}, {scanned:,} bytes read") if status else None,
        )
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
