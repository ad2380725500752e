"""A real PostgreSQL for all tests of this folder, and the secret of it as AWS would keep it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.postgres import Postgres

PASSWORD = "p@ss:w/rd?#[]%41+ &=\\'\"ö水"


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """The server; who stops, kills or fills it makes a ``Postgres`` of his own (a second)."""
    server = Postgres(password=PASSWORD)
    yield server
    server.close()


@pytest.fixture
def secret(postgres: Postgres) -> dict[str, Any]:
    """The fields of the superuser's secret, with the names and types that RDS writes."""
    return {
        "engine": "postgres",
        "host": postgres.host,
        "port": postgres.port,
        "username": postgres.user,
        "password": postgres.password,
        "dbname": "postgres",
    }


@pytest.fixture(scope="session")
def icu() -> Iterator[Postgres]:
    """A server whose build has ICU, which the embedded one lacks: the newest that the operating system has."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: float(path.parts[-3]))
    if not found:
        pytest.skip("no PostgreSQL with ICU is in /usr/lib/postgresql, and the embedded one is built without it")
    server = Postgres(binaries=found[-1].parent)
    yield server
    server.close()
