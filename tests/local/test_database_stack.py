"""The database stack deployed: secret, attachment, rotation and URIs are real, and so is the PostgreSQL they open."""

import json
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from brigade.database.secret import DatabaseSecret
from brigade.database.uri import database_uri
from brigade.errors import BrigadeError
from tests.local import database_stack
from tests.local.conftest import running
from tests.local.database_stack import Database, until


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    with running(tmp_path_factory.mktemp("aws")) as emulator:
        made = database_stack.deploy(emulator, tmp_path_factory.mktemp("assembly"))
        assert until(made.settled), "the first rotation, which the schedule starts"
        with psycopg.connect(database_uri(made.fields())) as connection:
            (folder,) = connection.execute("show data_directory").fetchone() or ("",)
        yield made
    assert not Path(folder).exists(), "it ended with the local AWS, and left nothing"


def _whoami(uri: str) -> str:
    with psycopg.connect(uri) as connection:
        row = connection.execute("select current_user || '@' || current_database()").fetchone()
    assert row is not None
    return str(row[0])


def test_the_attached_secret_opens_the_database(database: Database) -> None:
    fields = database.fields()
    assert fields.keys() == {"engine", "host", "port", "username", "password", "dbname"}
    assert _whoami(database_uri(fields)) == "brigade@brigade"


def test_the_schedule_rotates_at_once_and_then_on_its_days(database: Database) -> None:
    client = database.emulator.root("secretsmanager")
    described = client.describe_secret(SecretId=database.outputs["DatabaseSecret"])
    assert described["RotationEnabled"]
    assert described["RotationRules"]["ScheduleExpression"] == "rate(30 days)"
    assert described["RotationLambdaARN"].endswith(":function:brigade-dev-database-rotate")
    versions = [
        version["VersionStages"] for version in client.list_secret_version_ids(SecretId=described["ARN"])["Versions"]
    ]
    assert ["AWSPREVIOUS"] in versions


def test_a_rotation_changes_the_password_and_both_secrets_open_the_database(database: Database) -> None:
    kept = DatabaseSecret(database.emulator.root("secretsmanager"), database.outputs["DatabaseSecret"], max_age_s=3600)
    before, old_uri = kept.uri(), database.uri()
    assert database.rotated()
    after = database.fields()
    assert len(after["password"]) == 40
    assert after["password"].isalnum()
    assert after["password"] not in before
    assert database.uri() == database_uri(after) != old_uri
    assert _whoami(database.uri()) == "brigade@brigade"
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(before)
    assert kept.connect(_whoami, psycopg.OperationalError) == "brigade@brigade", "who kept the old one is let in again"
    assert json.loads(database.value("DatabaseSecret", VersionStage="AWSPREVIOUS"))["password"] in before


# By action and logical id: what of the rotating function's role Secrets Manager's four steps cannot do without.
GRANTS = [
    ("secretsmanager:DescribeSecret", "DatabaseSecret"),
    ("secretsmanager:GetSecretValue", "DatabaseSecret"),
    ("secretsmanager:PutSecretValue", "DatabaseSecret"),
    ("secretsmanager:UpdateSecretVersionStage", "DatabaseSecret"),
    ("secretsmanager:PutSecretValue", "DatabaseUriSecret"),
    ("ecs:UpdateService", ""),
]


@pytest.mark.parametrize(("action", "of"), GRANTS)
def test_every_grant_of_the_rotation_is_needed(database: Database, action: str, of: str) -> None:
    with database.without(action, database.outputs.get(of, "")):
        said = database.failed_rotation()
    assert f"not authorized to perform: {action}" in said
    assert database.recovered(), "with the grant, the rotation that was left is taken up"
    assert _whoami(database.uri()) == "brigade@brigade"


def test_who_has_the_databases_policy_reads_its_secret_and_nothing_else(database: Database) -> None:
    iam = database.emulator.root("iam")
    iam.create_user(UserName="reader")
    iam.attach_user_policy(UserName="reader", PolicyArn=database.outputs["DatabasePolicyArn"])
    key = iam.create_access_key(UserName="reader")["AccessKey"]
    client = database.emulator.client(
        "secretsmanager", access_key=key["AccessKeyId"], secret_key=key["SecretAccessKey"]
    )
    assert _whoami(DatabaseSecret(client, database.outputs["DatabaseSecret"]).uri()) == "brigade@brigade"
    with pytest.raises(BrigadeError, match="AccessDenied"):
        DatabaseSecret(client, database.outputs["DatabaseUriSecret"]).fields()
