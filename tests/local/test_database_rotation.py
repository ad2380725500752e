"""The steps of a rotation one by one, on a real secret and a real PostgreSQL: repeated, out of turn, locked out."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from brigade.database.rotation import Rotation
from brigade.database.uri import database_uri
from brigade.errors import BrigadeError, InvalidData
from local.postgres import Postgres
from tests.local.conftest import Emulator

ODD = "first @:/?#[]% ö水"


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    server = Postgres(settings={"log_statement": "all"})
    yield server
    server.close()


@pytest.fixture
def rotation(emulator: Emulator, postgres: Postgres) -> Rotation:
    """A rotation that Secrets Manager has begun, of a role of its own."""
    role, client, token = f"r{uuid4().hex}", emulator.root("secretsmanager"), str(uuid4())
    admin = database_uri(_fields(postgres, postgres.user, postgres.password))
    with psycopg.connect(admin) as connection:
        connection.execute(f"create role {role} login")
        connection.pgconn.change_password(role.encode(), ODD.encode())
    value = json.dumps(_fields(postgres, role, ODD))
    name = client.create_secret(Name=f"rotating/{uuid4()}", SecretString=value)["ARN"]
    rotation = Rotation(client, name, token)
    # What RotateSecret does before it calls a function; there is none here.
    client.put_secret_value(SecretId=name, ClientRequestToken=token, SecretString="x", VersionStages=["AWSPENDING"])
    client.put_secret_value(
        SecretId=name,
        ClientRequestToken=token,
        SecretString=json.dumps(_fields(postgres, role, "N" * 40)),
        VersionStages=["AWSPENDING"],
    )
    return rotation


def _fields(postgres: Postgres, user: str, password: str) -> dict[str, Any]:
    where = {"engine": "postgres", "host": postgres.host, "port": postgres.port, "dbname": "postgres"}
    return where | {"username": user, "password": password}


def _put(rotation: Rotation, **changed: Any) -> None:
    """Change a field of the pending version."""
    rotation.client.put_secret_value(
        SecretId=rotation.name,
        ClientRequestToken=rotation.token,
        SecretString=json.dumps({**_value(rotation, VersionId=rotation.token), **changed}),
        VersionStages=["AWSPENDING"],
    )


def _value(rotation: Rotation, **version: str) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(
        rotation.client.get_secret_value(SecretId=rotation.name, **version)["SecretString"]
    )
    return value


def test_each_step_may_come_twice_and_the_new_password_is_the_only_one(rotation: Rotation, postgres: Postgres) -> None:
    before = _value(rotation)
    for step in (rotation.create, rotation.set, rotation.test, rotation.finish):
        step()
        step()
    after = _value(rotation)
    assert after == {**before, "password": after["password"]}
    psycopg.connect(database_uri(after)).close()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(database_uri(before))
    for step in (rotation.create, rotation.set, rotation.test):
        step()
    assert _value(rotation) == after, "a step of a rotation that has finished does nothing"
    assert after["password"] not in postgres.log.read_text(), "the server was sent a verifier"
    assert "SCRAM-SHA-256$" in postgres.log.read_text()


def test_the_uri_is_kept_in_step_before_the_version_is_current(rotation: Rotation) -> None:
    uri = rotation.client.create_secret(Name=f"uri/{uuid4()}", SecretString="old")["ARN"]
    rotation.set()
    rotation.finish(uri_secret=uri)
    assert rotation.client.get_secret_value(SecretId=uri)["SecretString"] == database_uri(_value(rotation))


def test_a_version_that_is_not_being_rotated_is_refused(rotation: Rotation) -> None:
    other = Rotation(rotation.client, rotation.name, str(uuid4()))
    for step in (other.create, other.set, other.test, other.finish):
        with pytest.raises(BrigadeError, match="is not one that is being rotated"):
            step()
    assert _value(rotation)["password"] == ODD


def test_a_secret_whose_user_or_host_changed_meanwhile_is_not_rotated(rotation: Rotation) -> None:
    for changed in ({"username": "somebody"}, {"host": "127.0.0.2"}):
        original = _value(rotation)
        _put(rotation, **{name: original[name] for name in ("username", "host")} | changed)
        with pytest.raises(InvalidData, match=f"the field {next(iter(changed))} of the secret .* changed"):
            rotation.set()


def test_a_role_that_no_version_opens_is_an_error_without_a_password(rotation: Rotation) -> None:
    fields = {**_value(rotation), "password": "sentinel-wrong"}
    rotation.client.put_secret_value(SecretId=rotation.name, SecretString=json.dumps(fields))
    rotation.client.put_secret_value(SecretId=rotation.name, SecretString=json.dumps({**fields, "password": "worse"}))
    _put(rotation, username=fields["username"])
    with pytest.raises(BrigadeError, match=r"no version of the secret .* logs in") as caught:
        rotation.set()
    assert "sentinel" not in str(caught.value)
    with pytest.raises(BrigadeError, match=r"the new password of the secret .* does not log in"):
        rotation.test()


def test_the_version_before_the_last_lets_a_rotation_in_that_was_cut_off(rotation: Rotation) -> None:
    fields = {**_value(rotation), "password": "never set"}
    rotation.client.put_secret_value(SecretId=rotation.name, SecretString=json.dumps(fields))
    rotation.set()
    rotation.test()
