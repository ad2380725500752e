"""Run a query."""

import asyncio
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from ministack.services import athena, glue
from sqlglot import exp

from local.athena import access, dialect, partitions, relations, views
from local.athena.dialect import Mistake, Use
from local.athena.relations import Relation

query_id: ContextVar[str] = ContextVar("the query that this task runs")
_running: dict[str, Any] = {}
_stopped: set[str] = set()


def serves(statement: exp.Expr) -> bool:
    """Return whether a statement is a query. ministack runs the others (DDL, SHOW, …)."""
    return isinstance(statement, exp.Query | exp.Values)


async def run(statement: exp.Expr, database: str) -> tuple[dict[str, Any], int]:
    """Run a query as the caller of this task, and return ministack's result and the bytes read.

    It reads only the partitions that the WHERE of the query on partition keys leaves. The bytes are those of whole
    objects, which is more than AWS counts for ORC and Parquet.

    Raises:
        Mistake: A table does not exist or is declared wrong.
        Denied: The caller may not read a table or an object.
        duckdb.Error: DuckDB cannot run the query.
    """
    statement = views.expanded(statement, database, _looked)
    named: dict[tuple[str, str], list[Use]] = {}
    for use in dialect.uses(statement, database):
        named.setdefault((use.database, use.table), []).append(use)
    with tempfile.TemporaryDirectory(prefix="athena-") as folder:
        found = {}
        for number, ((of, name), uses) in enumerate(named.items()):
            place = Path(folder, str(number))
            place.mkdir()
            found[of, name] = _relation(of, name, uses, place)
        sql = dialect.to_duckdb(statement)
        answer = await asyncio.to_thread(_execute, sql, database, found)
    return answer, sum(relation.bytes for relation in found.values())


def _looked(database: str, name: str) -> Any:
    """Return a table of Glue if it is a view. The caller needs the right to read it and the tables below it."""
    table = glue._tables.get(f"{database}/{name}") or {}
    if table.get("TableType") == "VIRTUAL_VIEW":
        access.require_table(database, name, registered=False)
    return table


def _relation(database: str, name: str, uses: list[Use], folder: Path) -> Relation:
    table = glue._tables.get(f"{database}/{name}")
    access.require_table(database, name, registered=partitions.registered(table or {}))
    if table is None:
        raise Mistake(f"TABLE_NOT_FOUND: Table '{dialect.CATALOG}.{database}.{name}' does not exist")
    keys = [key["Name"] for key in table.get("PartitionKeys") or []]
    known = partitions.of(f"{database}/{name}", table)
    chosen = {values for use in uses for values in _left(use, keys, known)} if keys else {()}
    return relations.fetch(table, [each for each in known if each.values in chosen], folder)


def _left(use: Use, keys: list[str], known: list[partitions.Partition]) -> list[tuple[str, ...]]:
    """Return the values of the partitions that match the conditions on partition keys."""
    conditions = dialect.on_columns(use.conditions, keys)
    values = [partition.values for partition in known]
    if not conditions or not values:
        return values
    connection = _connection()
    columns = ", ".join(f'"{key}"' for key in keys)
    marks = ", ".join("(" + ", ".join("?" * len(keys)) + ")" for _ in values)
    where = " AND ".join(f"({condition})" for condition in conditions)
    query = f"SELECT {columns} FROM (VALUES {marks}) known({columns}) WHERE {where}"  # noqa: S608 - the caller's own SQL
    rows: list[tuple[str, ...]] = connection.execute(query, [text for row in values for text in row]).fetchall()
    return rows


def _connection() -> Any:
    import duckdb

    connection = duckdb.connect(":memory:")
    connection.execute("SET TimeZone = 'UTC'; SET integer_division = true")
    # A query that outgrows this fails, as one that exhausts Athena's resources does, and never fills the user's disk.
    connection.execute("SET memory_limit = '2GB'; SET temp_directory = ''")
    for macro in dialect.MACROS:
        connection.execute(f"CREATE MACRO {macro}")
    return connection


def _execute(sql: str, database: str, found: Mapping[tuple[str, str], Relation]) -> dict[str, Any]:
    with _connection() as connection, _stoppable(connection):
        for schema in {database, *(of for of, _ in found)}:
            connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')
        for (of, name), relation in found.items():
            relations.define(connection, of, name, relation)
        connection.execute(f"SET schema = '{database}'")
        answer = connection.execute(sql)
        columns = [(column[0], str(column[1])) for column in answer.description]
        rows = [list(map(dialect.written, row)) for row in answer.fetchall()]
    return {
        "columns": [name for name, _ in columns],
        "column_types": [_athena_type(kind) for _, kind in columns],
        "rows": rows,
    }


def stop(query: str) -> None:
    """Stop a query, even before it starts: its `run` raises `duckdb.InterruptException`."""
    _stopped.add(query)
    threading.Thread(target=_interrupt, args=(query,), daemon=True).start()


def _interrupt(query: str) -> None:
    """Interrupt until the query has ended: DuckDB forgets an interrupt between two statements of a connection."""
    while connection := _running.get(query):
        connection.interrupt()
        time.sleep(0.02)


@contextmanager
def _stoppable(connection: Any) -> Iterator[None]:
    import duckdb

    query = query_id.get("")
    _running[query] = connection
    try:
        if query in _stopped:
            raise duckdb.InterruptException("The query was stopped before it started")
        yield
    finally:
        del _running[query]
        _stopped.discard(query)


def _athena_type(kind: str) -> str:
    if kind.endswith("[]"):
        return "array"
    if kind == "TIMESTAMP WITH TIME ZONE":
        return "timestamp with time zone"
    return str(athena._DUCKDB_TYPE_MAP.get(kind.partition("(")[0].strip(), "varchar"))
