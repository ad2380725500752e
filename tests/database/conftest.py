"""A real PostgreSQL for all tests of this folder, and the secret of it as AWS would keep it."""

from collections.abc import Iterator
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
