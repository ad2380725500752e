"""A secret of Secrets Manager at run time, and the database that it opens: both real."""

import json
from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from botocore.stub import Stubber
from psycopg import sql

from brigade.database.secret import DatabaseSecret
from brigade.errors import BrigadeError, InvalidData, NotFound, RetryLater
from local.postgres import Postgres
from tests.local.conftest import Emulator

Create = Callable[[str], str]


@pytest.fixture
def fields(postgres: Postgres) -> Mapping[str, Any]:
    """The secret's fields for a role of its own."""
    name, password = f"role {uuid4()}", "first @:/?#[]%"
    with psycopg.connect(_admin(postgres), autocommit=True) as admin:
        admin.execute(sql.SQL("create role {} login password {}").format(sql.Identifier(name), sql.Literal(password)))
    where = {"engine": "postgres", "host": postgres.host, "port": postgres.port, "dbname": "postgres"}
    return where | {"username": name, "password": password}


@pytest.fixture
def create(emulator: Emulator) -> Create:
    def create(value: str) -> str:
        name = f"database/{uuid4()}"
        emulator.root("secretsmanager").create_secret(Name=name, SecretString=value)
        return name

    return create


def _open(uri: str) -> "psycopg.Connection[Any]":
    return psycopg.connect(uri)


def _admin(postgres: Postgres) -> str:
    return f"postgresql://{postgres.user}:{postgres.password}@{postgres.host}:{postgres.port}/postgres"


def _rotate(emulator: Emulator, postgres: Postgres, name: str, fields: Mapping[str, Any], password: str) -> None:
    with psycopg.connect(_admin(postgres), autocommit=True) as admin:
        admin.execute(
            sql.SQL("alter role {} password {}").format(sql.Identifier(fields["username"]), sql.Literal(password))
        )
    value = json.dumps({**fields, "password": password})
    emulator.root("secretsmanager").put_secret_value(SecretId=name, SecretString=value)


def test_a_secret_opens_its_database(emulator: Emulator, create: Create, fields: Mapping[str, Any]) -> None:
    secret = DatabaseSecret(emulator.root("secretsmanager"), create(json.dumps(fields)))
    with psycopg.connect(secret.uri()) as connection:
        assert connection.execute("select current_user").fetchone() == (fields["username"],)


def test_a_secret_is_read_once_a_while(emulator: Emulator, create: Create) -> None:
    client = emulator.root("secretsmanager")
    asked: list[str] = []
    client.meta.events.register("before-call.secretsmanager.GetSecretValue", lambda **_: asked.append("asked"))
    kept = DatabaseSecret(client, create('{"password": "x"}'))
    assert [kept.fields() for _ in range(3)] == [{"password": "x"}] * 3
    assert len(asked) == 1
    kept.fields(fresh=True)
    assert len(asked) == 2
    unkept = DatabaseSecret(client, kept.name, max_age_s=0)
    unkept.fields()
    unkept.fields()
    assert len(asked) == 4


def test_a_rotated_password_is_picked_up_at_the_refused_login(
    emulator: Emulator, postgres: Postgres, create: Create, fields: Mapping[str, Any]
) -> None:
    name = create(json.dumps(fields))
    secret = DatabaseSecret(emulator.root("secretsmanager"), name, max_age_s=3600)
    secret.connect(_open, psycopg.OperationalError).close()
    for password in ("second %40", "пароль-3"):
        _rotate(emulator, postgres, name, fields, password)
        tried: list[str] = []

        def connect(uri: str, tried: list[str] = tried) -> "psycopg.Connection[Any]":
            tried.append(uri)
            return psycopg.connect(uri)

        secret.connect(connect, psycopg.OperationalError).close()
        assert len(tried) == 2
        secret.connect(connect, psycopg.OperationalError).close()
        assert len(tried) == 3, "what was read anew is kept"


def test_a_refused_login_whose_secret_has_not_changed_is_raised_and_not_tried_again(
    emulator: Emulator, create: Create, fields: Mapping[str, Any]
) -> None:
    secret = DatabaseSecret(emulator.root("secretsmanager"), create(json.dumps({**fields, "password": "wrong"})))
    tried: list[str] = []

    def connect(uri: str) -> "psycopg.Connection[Any]":
        tried.append(uri)
        return psycopg.connect(uri)

    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        secret.connect(connect, psycopg.OperationalError)
    assert len(tried) == 1


def test_what_cannot_be_read_is_one_line_without_a_value(emulator: Emulator, create: Create) -> None:
    client = emulator.root("secretsmanager")
    with pytest.raises(NotFound, match="no secret nowhere/at-all"):
        DatabaseSecret(client, "nowhere/at-all").fields()
    for value in ("sentinel-77", '["sentinel-77"]', '{"password": "sentinel-77"'):
        with pytest.raises(InvalidData, match="is no JSON object") as caught:
            DatabaseSecret(client, create(value)).fields()
        assert "sentinel" not in repr(caught.value)
        assert caught.value.__cause__ is None
    with pytest.raises(InvalidData, match="field engine of the secret database/"):
        DatabaseSecret(client, create('{"password": "sentinel-77"}')).uri()
    with pytest.raises(BrigadeError, match=r"did not give the secret x \(AccessDenied.*GetSecretValue"):
        DatabaseSecret(emulator.operator("secretsmanager"), "x").fields()


def test_a_busy_secrets_manager_is_worth_another_try(emulator: Emulator) -> None:
    """The local AWS never throttles, so botocore's own stub answers."""
    client = emulator.root("secretsmanager")
    with Stubber(client) as stub:
        stub.add_client_error("get_secret_value", "ThrottlingException", "Rate exceeded", 400)
        with pytest.raises(RetryLater, match="ThrottlingException"):
            DatabaseSecret(client, "x").fields()
