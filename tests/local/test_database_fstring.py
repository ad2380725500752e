"""Deploy the template of docs/database.md and show why a URI made of dynamic references is unsafe."""

import json
import re
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from brigade.database.uri import database_uri
from tests.local.conftest import REPOSITORY, Emulator
from tests.local.database_stack import until

DOCUMENT = (REPOSITORY / "docs" / "database.md").read_text()
UNSAFE = re.search(r'DATABASE_URI: !Sub "(.*)"', DOCUMENT)
FIELDS = {"engine": "postgres", "username": "app", "host": "db.example", "port": 5432, "dbname": "orders"}


def given(emulator: Emulator, password: str) -> tuple[str, str, str]:
    """Deploy a function with the document's variable; gives the secret, the function, what the function got."""
    assert UNSAFE is not None
    secret = emulator.root("secretsmanager").create_secret(
        Name=f"fstring/{uuid4()}", SecretString=json.dumps({**FIELDS, "password": password})
    )["ARN"]
    name = f"fstring-{uuid4().hex[:8]}"
    function = {
        "FunctionName": name,
        "Runtime": "python3.13",
        "Handler": "index.handler",
        "Role": "arn:aws:iam::000000000000:role/none",
        "Code": {"ZipFile": "def handler(event, context): ..."},
        "Environment": {"Variables": {"DATABASE_URI": {"Fn::Sub": UNSAFE[1]}}},
    }
    parameters = {"Secret": {"Type": "String"}, "Host": {"Type": "String"}}
    template = {
        "Parameters": parameters,
        "Resources": {"App": {"Type": "AWS::Lambda::Function", "Properties": function}},
    }
    cloudformation = emulator.root("cloudformation")
    values = {"Secret": secret, "Host": FIELDS["host"]}
    cloudformation.create_stack(
        StackName=name,
        TemplateBody=json.dumps(template),
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in values.items()],
    )
    assert until(
        lambda: cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"] == "CREATE_COMPLETE"
    )
    return secret, name, configured(emulator, name)


def configured(emulator: Emulator, name: str) -> str:
    answer = emulator.root("lambda").get_function_configuration(FunctionName=name)
    return str(answer["Environment"]["Variables"]["DATABASE_URI"])


def test_the_password_is_in_the_clear_for_who_may_read_the_configuration(emulator: Emulator) -> None:
    _, _, uri = given(emulator, "harmless7")
    assert uri == "postgresql://app:harmless7@db.example:5432/orders"


@pytest.mark.parametrize("password", ["p@evil.example/x?", "a/b", "50%25"])
def test_a_password_that_needs_escaping_makes_another_uri_of_it(emulator: Emulator, password: str) -> None:
    _, _, uri = given(emulator, password)
    try:
        read = conninfo_to_dict(uri)
        seen = (read.get("host"), read.get("password"))
    except psycopg.ProgrammingError:  # libpq refuses it
        seen = (None, None)
    assert seen != (FIELDS["host"], password)
    right = conninfo_to_dict(database_uri({**FIELDS, "password": password}))
    assert (right["host"], right["password"]) == (FIELDS["host"], password)


def test_it_stays_what_it_was_when_the_secret_is_rotated(emulator: Emulator) -> None:
    secret, name, before = given(emulator, "first1")
    value = json.dumps({**FIELDS, "password": "second2"})
    emulator.root("secretsmanager").put_secret_value(SecretId=secret, SecretString=value)
    assert configured(emulator, name) == before
    assert "first1" in before
