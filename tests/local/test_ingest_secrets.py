"""Secrets of a source, read from the real services with just the rights that its stack grants."""

import json
import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl

import pytest

from brigade.errors import BrigadeError
from brigade.ingest.declare.authentication import Authentication, Basic, Bearer, RefreshToken, Secret
from brigade.ingest.read.credentials import open_credentials
from brigade.ingest.read.http import ApiReader
from brigade.ingest.read.refresh_token import StoredRefreshToken
from brigade.state import State
from brigade.state.lease import Lease
from tests.local.conftest import Emulator
from tests.local.ingests import Lake, lake_of
from tests.unit.ingest.api import Answer, page, serving, source

PLACE = "us-east-1:000000000000"


@pytest.fixture
def lake(emulator: Emulator) -> Iterator[Lake]:
    with lake_of(emulator.root("s3")) as made:
        yield made


class Reader:
    """User that may read the secret ``<name>/token`` and the parameter ``/<name>/password``, as a source's role may.

    (stacks/parts/ingest.py; tests/stacks/test_grants.py holds it to the same ARNs.)
    """

    def __init__(self, emulator: Emulator) -> None:
        self.name = f"reader-{uuid.uuid4().hex[:8]}"
        iam = emulator.root("iam")
        iam.create_user(UserName=self.name)
        read = {
            "secretsmanager:GetSecretValue": f"arn:aws:secretsmanager:{PLACE}:secret:{self.name}/token-??????",
            "ssm:GetParameter": f"arn:aws:ssm:{PLACE}:parameter/{self.name}/password",
        }
        allowed = [{"Effect": "Allow", "Action": action, "Resource": arn} for action, arn in read.items()]
        policy = json.dumps({"Version": "2012-10-17", "Statement": allowed})
        iam.put_user_policy(UserName=self.name, PolicyName="read", PolicyDocument=policy)
        self._key = iam.create_access_key(UserName=self.name)["AccessKey"]
        self._emulator = emulator

    def client(self, service: str) -> Any:
        return self._emulator.client(
            service, access_key=self._key["AccessKeyId"], secret_key=self._key["SecretAccessKey"]
        )


@pytest.fixture
def reader(emulator: Emulator) -> Reader:
    made = Reader(emulator)
    secrets, parameters = emulator.root("secretsmanager"), emulator.root("ssm")
    for name in ("token", "other"):
        secrets.create_secret(Name=f"{made.name}/{name}", SecretString=json.dumps({"value": "hush-1"}))
    parameters.put_parameter(Name=f"/{made.name}/password", Type="SecureString", Value="hush-2")
    return made


def asking(url: str, kind: Authentication, reader: Reader, lake: Lake) -> ApiReader:
    who = open_credentials(kind, reader.client, State(lake.s3, lake.state), "numbers")
    return ApiReader(source(), url, lambda: 900.0, who)


def test_a_secret_is_a_member_or_the_whole_and_of_either_service(reader: Reader, lake: Lake) -> None:
    user = Secret(f"{reader.name}/token", key="value")
    kind = Basic(user=user, password=Secret(f"/{reader.name}/password", store="ssm"))
    with serving(lambda *_: page([], None)) as server:
        asking(server.url, kind, reader, lake).page(None)
    assert server.requests[0].headers["Authorization"] == "Basic aHVzaC0xOmh1c2gtMg=="  # hush-1:hush-2


def test_a_secret_that_is_changed_is_read_again_on_401(reader: Reader, lake: Lake, emulator: Emulator) -> None:
    def answer(number: int, _: dict[str, str]) -> Answer:
        if number == 1:
            changed = json.dumps({"value": "hush-3"})
            emulator.root("secretsmanager").put_secret_value(SecretId=f"{reader.name}/token", SecretString=changed)
            return Answer(b"", status=401)
        return page([], None)

    with serving(answer) as server:
        asking(server.url, Bearer(token=Secret(f"{reader.name}/token", key="value")), reader, lake).page(None)
    assert [each.headers["Authorization"] for each in server.requests] == ["Bearer hush-1", "Bearer hush-3"]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (("{}/other", None, "secretsmanager"), "cannot read the secret {}/other of secretsmanager"),
        (("/{}/other", None, "ssm"), "cannot read the secret /{}/other of ssm"),
        (("{}/token", "absent", "secretsmanager"), "the secret {}/token has no member 'absent'"),
    ],
)
def test_what_may_not_be_read_or_is_not_there_is_named_and_nobody_is_asked(
    reader: Reader, lake: Lake, asked: tuple[str, str | None, Any], said: str
) -> None:
    name, key, store = asked
    secret = Secret(name.format(reader.name), key=key, store=store)
    with serving(lambda *_: page([], None)) as server, pytest.raises(BrigadeError) as raised:
        asking(server.url, Bearer(token=secret), reader, lake).page(None)
    assert said.format(reader.name) in str(raised.value)
    assert "hush" not in str(raised.value)
    assert server.requests == []


def test_a_rotated_refresh_token_is_kept_for_the_next_process(reader: Reader, lake: Lake) -> None:
    def grant(number: int, _: dict[str, str]) -> Answer:
        granted = {"access_token": f"a{number}", "refresh_token": f"r{number}", "expires_in": 3600}
        return Answer(json.dumps(granted).encode())

    with serving(grant) as grants, serving(lambda *_: page([], None)) as server:
        name = f"{reader.name}/token"
        kind = RefreshToken(
            token_url=f"{grants.url}/token",
            client_id=Secret(name, key="value"),
            refresh_token=Secret(f"/{reader.name}/password", store="ssm"),
        )
        for _ in range(2):
            asking(server.url, kind, reader, lake).page(None)
    sent = [dict(parse_qsl(each.body.decode()))["refresh_token"] for each in grants.requests]
    assert sent == ["hush-2", "r1"]
    kept = State(lake.s3, lake.state).get("ingest/numbers/refresh-token.json", StoredRefreshToken)
    assert kept
    assert (kept.value.refresh_token, kept.value.lease) == ("r2", Lease(2))
