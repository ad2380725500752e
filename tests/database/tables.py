"""Tables of a real PostgreSQL, read as a source reads them."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import psycopg

from brigade.database.uri import database_uri
from brigade.ingest.declare.table_source import TableSource
from brigade.ingest.read.postgres import TableReader
from local.postgres import Postgres

SMALL = 1024
"""Bytes of a page, so that a table has many."""


@dataclass
class Given:
    """A secret that is not in Secrets Manager."""

    uri: str
    logins: int = field(default=0, init=False)

    def connect(self, connect: Callable[[str], Any], refused: type[Exception], *, engine: str | None = None) -> Any:
        self.logins += 1
        return connect(self.uri)


def given(postgres: Postgres) -> Given:
    fields = {"engine": "postgres", "host": postgres.host, "port": postgres.port, "dbname": "postgres"}
    return Given(database_uri(fields | {"username": postgres.user, "password": postgres.password}))


def execute(postgres: Postgres, *statements: str) -> list[tuple[Any, ...]]:
    """Run statements as the superuser and give the rows of the last, if it has any."""
    with psycopg.connect(given(postgres).uri, autocommit=True) as admin:
        for statement in statements:
            cursor = admin.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def source(**changes: Any) -> TableSource:
    return TableSource(**({"secret": "database", "schedule": "rate(1 day)"} | changes))


def reader(postgres: Postgres, declared: TableSource, remaining: float = 900.0) -> TableReader:
    return TableReader(declared, given(postgres), lambda: remaining)


def pages(rows: TableReader) -> Iterator[bytes]:
    """Return the bodies of all pages. The position after each page selects the next page."""
    cursor: str | None = None
    while True:
        reply = rows.page(cursor)
        yield bytes(reply.body)
        cursor = reply.headers.get("next")
        if cursor is None:
            return


def found(bodies: Iterator[bytes]) -> list[dict[str, Any]]:
    """The rows of all pages."""
    return [json.loads(line) for body in bodies for line in body.splitlines()]
