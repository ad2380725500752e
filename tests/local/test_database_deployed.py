"""A table as a deployed source: stacks, state machine, and a role that may do this and no more."""

import gzip
import json
import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from local.postgres import Postgres
from tests.database.tables import execute, given
from tests.local.conftest import REPOSITORY, Emulator
from tests.unit.ingest.api import Answer, page, serving

SECRET = "shop/reader"
SOURCE = f'''"""The orders of the shop."""

from brigade.ingest import TableSource

SOURCE = TableSource(
    secret="{SECRET}", table="shop.orders", key=("id",), page_bytes=65536, schedule="cron(30 2 * * ? *)", memory_mib=512
)
'''
PARTED = f'''"""The same orders, in four ranges."""

from brigade.ingest import TableSource

SOURCE = TableSource(
    secret="{SECRET}", query="SELECT * FROM shop.orders WHERE '{{date}}'::date > '2026-01-01'", key=("id",),
    partitions=4, page_bytes=65536, schedule="cron(30 2 * * ? *)",
)
'''
SIGNED = '''"""An API that asks who reads it, by a secret of either store."""

from brigade.ingest import ApiSource, Basic, Secret

SOURCE = ApiSource(
    base_url="http://127.0.0.1:1",
    path="/records",
    records="rows",
    authentication=Basic(user=Secret("shop/user"), password=Secret("/shop/password", store="ssm")),
    schedule="cron(30 2 * * ? *)",
)
'''
SECRETS = {
    "secretsmanager:GetSecretValue": "arn:aws:secretsmanager:us-east-1:000000000000:secret:shop/user-??????",
    "ssm:GetParameter": "arn:aws:ssm:us-east-1:000000000000:parameter/shop/password",
}
SECRETS_NAMED = {"secretsmanager:GetSecretValue": "shop/user", "ssm:GetParameter": "/shop/password"}
COUNT = 5000


@dataclass(frozen=True)
class Shop:
    emulator: Emulator
    environment: dict[str, str]
    root: Path
    postgres: Postgres

    def brigade(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [str(REPOSITORY / ".venv/bin/brigade"), "--stage", "shop", "--json", *arguments]
        return subprocess.run(command, env=self.environment, cwd=self.root, capture_output=True, text=True, check=False)

    def rotate(self) -> None:
        """Set a new password for the reader, as Secrets Manager's rotation does."""
        password = f"p@:/{uuid.uuid4()}"
        execute(self.postgres, f"ALTER ROLE reader PASSWORD '{password}'")
        fields = {"engine": "postgres", "host": self.postgres.host, "port": self.postgres.port, "dbname": "postgres"}
        self.emulator.root("secretsmanager").put_secret_value(
            SecretId=SECRET, SecretString=json.dumps(fields | {"username": "reader", "password": password})
        )


@pytest.fixture(scope="module")
def shop(emulator: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A repository like this one, but for its sources, deployed as the stage ``shop``; its database and its secret."""
    root = tmp_path_factory.mktemp("shop")
    for name in ("brigade", "lambdas", "stacks", "scripts", "local"):
        shutil.copytree(REPOSITORY / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("app.py", "requirements.txt", "package-lock.json", "package.json", "pyproject.toml"):
        shutil.copy(REPOSITORY / name, root / name)
    (root / ".brigade").mkdir()
    for name in (".venv", "node_modules", ".brigade/emulator", ".brigade/lambda-runtime", ".brigade/packages"):
        (REPOSITORY / name).mkdir(exist_ok=True)
        (root / name).symlink_to(REPOSITORY / name)
    context = json.loads((REPOSITORY / "cdk.json").read_text())
    context["context"]["stages"] = {"shop": {"removal": "destroy"}}
    (root / "cdk.json").write_text(json.dumps(context))
    (root / "lambdas/ingest/sources/demo.py").unlink()
    (root / "lambdas/ingest/sources/orders.py").write_text(SOURCE)
    (root / "lambdas/ingest/sources/parted.py").write_text(PARTED)
    (root / "lambdas/ingest/sources/signed.py").write_text(SIGNED)
    server = Postgres()
    emulator.root("secretsmanager").create_secret(Name=SECRET, SecretString="{}")
    emulator.root("secretsmanager").create_secret(Name="shop/user", SecretString="reader")
    emulator.root("ssm").put_parameter(Name="/shop/password", Type="SecureString", Value="hush")
    made = Shop(emulator, {**emulator.environment(), "PYTHONPATH": str(root)}, root, server)
    try:
        execute(
            server,
            "CREATE SCHEMA shop",
            "CREATE TABLE shop.orders AS SELECT i AS id, i / 4.0 AS price, 'no ' || i AS note"
            f" FROM generate_series(1, {COUNT}) i",
            "CREATE ROLE reader LOGIN",
            "GRANT USAGE ON SCHEMA shop TO reader",
            "GRANT SELECT ON shop.orders TO reader",
        )
        made.rotate()
        home = {**os.environ, "BRIGADE_LOCAL_HOME": str(emulator.home), "PYTHONPATH": str(root)}
        deployed = subprocess.run(
            [REPOSITORY / ".venv/bin/brigade", "--quiet", "--stage", "shop", "local", "deploy"],
            env=home,
            cwd=root,
            capture_output=True,
            text=True,
            check=False,
        )
        assert deployed.returncode == 0, deployed.stderr
        yield made
    finally:
        server.close()
        # The operator of the other tests has their stage's policy alone.
        iam = emulator.root("iam")
        for policy in iam.list_attached_user_policies(UserName="operator")["AttachedPolicies"]:
            if "-shop-" in policy["PolicyName"]:
                iam.detach_user_policy(UserName="operator", PolicyArn=policy["PolicyArn"])


def invoked(shop: Shop, date: str, exits: int = 0, source: str = "orders") -> Any:
    done = shop.brigade("ingest", "invoke", source, "--date", date, "--wait")
    assert done.returncode == exits, done.stderr
    return json.loads(done.stdout) if done.stdout else done.stderr


def rows(shop: Shop, answer: dict[str, Any]) -> list[dict[str, Any]]:
    bucket, _, key = answer["object"].removeprefix("s3://").partition("/")
    body = shop.emulator.root("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    return [json.loads(line) for line in gzip.decompress(body).splitlines()]


def test_a_deployed_table_is_read_by_its_state_machine(shop: Shop) -> None:
    answer = invoked(shop, "2026-11-20")
    assert (answer["outcome"], answer["records"]) == ("published", COUNT)
    found = rows(shop, answer)
    assert [row["id"] for row in found] == list(range(1, COUNT + 1))
    assert found[0] == found[0] | {"price": 0.25, "note": "no 1", "ingest_date": "2026-11-20"}
    assert answer["pages"] > 3


def test_a_table_in_partitions_is_whole_when_its_state_machine_ends(shop: Shop) -> None:
    answer = invoked(shop, "2026-11-20", source="parted")
    assert (answer["outcome"], answer["records"], answer["objects"]) == ("published", COUNT, 4)
    keys = [f"parted/date=2026-11-20/parted-{number}.jsonl.gz" for number in (1, 2, 3, 4)]
    lake = answer["object"].removeprefix("s3://").partition("/")[0]
    found = [[row["id"] for row in rows(shop, {"object": f"s3://{lake}/{key}"})] for key in keys]
    assert [len(ids) for ids in found] == [COUNT // 4] * 4
    assert [number for ids in found for number in ids] == list(range(1, COUNT + 1))
    assert invoked(shop, "2026-11-20", exits=3, source="parted")["outcome"] == "already_published"
    shown = json.loads(shop.brigade("ingest", "show", "parted").stdout)
    assert [each["key"] for each in shown["receipt"]["objects"]] == keys
    admin = replace(shop, environment={**shop.emulator.environment("root"), "PYTHONPATH": str(shop.root)})
    ran = admin.brigade("ingest", "run", "parted", "--date", "2026-11-19")
    assert (ran.returncode, json.loads(ran.stdout)["records"]) == (0, COUNT), ran.stderr
    reset = admin.brigade("ingest", "reset", "parted", "--date", "2026-11-19", "--yes")
    assert (reset.returncode, reset.stdout) == (1, ""), reset.stderr
    assert "parted 2026-11-19 has no checkpoint" in reset.stderr
    refused = admin.brigade("ingest", "run", "parted", "--date", "2026-11-19", "--replace", "--yes")
    assert "which are not replaced" in refused.stderr
    spanned = shop.brigade("ingest", "backfill", "parted", "--from", "2026-11-20", "--to", "2026-11-21", "--yes")
    assert spanned.returncode == 0, spanned.stderr
    assert spanned.stdout.count(f'"records": {COUNT}') + spanned.stdout.count(f'"records":{COUNT}') == 1
    undated = shop.brigade("ingest", "backfill", "orders", "--from", "2026-11-20", "--to", "2026-11-21")
    assert (undated.returncode, "orders sends the same request for every date" in undated.stderr) == (2, True)


def test_a_password_rotated_between_runs_is_picked_up_by_a_warm_function(shop: Shop) -> None:
    shop.rotate()
    assert invoked(shop, "2026-11-21")["records"] == COUNT


def secret_grants(shop: Shop, source: str) -> dict[str, str]:
    """Return the resource of each action that the role of a source's function may do outside S3."""
    _, _, policy = policy_of(shop, source)
    found = {str(each["Action"]): each["Resource"] for each in policy["Statement"]}
    return {action: place for action, place in found.items() if action.startswith(("secretsmanager:", "ssm:"))}


def policy_of(shop: Shop, source: str) -> tuple[str, str, dict[str, Any]]:
    iam = shop.emulator.root("iam")
    (role,) = (
        role["RoleName"]
        for role in iam.list_roles()["Roles"]
        if "shop" in role["RoleName"] and f"{source}Function" in role["RoleName"]
    )
    (name,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
    return role, name, iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]


@contextmanager
def without(shop: Shop, source: str, action: str) -> Iterator[None]:
    """Remove one action from the role of a source's function while the block runs."""
    role, name, policy = policy_of(shop, source)
    rest = {**policy, "Statement": [each for each in policy["Statement"] if each["Action"] != action]}
    assert rest != policy, f"nobody holds {action}"
    iam = shop.emulator.root("iam")
    iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(rest))
    try:
        yield
    finally:
        iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(policy))


def called(shop: Shop, source: str, date: str) -> Any:
    function = shop.emulator.root("lambda")
    event = json.dumps({"date": date})
    return json.load(function.invoke(FunctionName=f"brigade-shop-ingest-{source}", Payload=event)["Payload"])


def test_no_other_secret_can_be_read(shop: Shop) -> None:
    """Without its one grant the function reads nothing, so it is the grant that lets it."""
    place = f"arn:aws:secretsmanager:us-east-1:000000000000:secret:{SECRET}-??????"
    assert secret_grants(shop, "orders") == {"secretsmanager:GetSecretValue": place}
    with without(shop, "orders", "secretsmanager:GetSecretValue"):
        shop.rotate()  # so that what a warm function keeps of the secret does not open
        said = called(shop, "orders", "2026-11-22")
        assert "AccessDenied" in said["errorMessage"], said
    assert invoked(shop, "2026-11-22")["records"] == COUNT


def test_an_api_is_asked_with_its_secrets_and_each_of_their_grants_is_needed(shop: Shop) -> None:
    assert secret_grants(shop, "signed") == SECRETS
    functions, name = shop.emulator.root("lambda"), "brigade-shop-ingest-signed"
    known = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]

    def answer(number: int, _: dict[str, str]) -> Answer:
        right = server.requests[-1].headers.get("Authorization") == "Basic cmVhZGVyOmh1c2g="  # reader:hush
        return page([{"n": number}], None) if right else Answer(b"", status=403)

    with serving(answer) as server:
        for number, action in enumerate(SECRETS):
            # Whatever is configured anew starts cold: what a warm function read of a secret it keeps for a while.
            changed = {**known, "BRIGADE_BASE_URL": server.url, "TRY": str(number)}
            functions.update_function_configuration(FunctionName=name, Environment={"Variables": changed})
            with without(shop, "signed", action):
                said = called(shop, "signed", "2026-11-22")
                assert f"cannot read the secret {SECRETS_NAMED[action]}" in said["errorMessage"], said
            assert server.queries == []
        changed = {**known, "BRIGADE_BASE_URL": server.url}
        functions.update_function_configuration(FunctionName=name, Environment={"Variables": changed})
        assert invoked(shop, "2026-11-22", source="signed")["records"] == 1


def test_the_command_reads_what_is_declared(shop: Shop) -> None:
    listed, *_ = map(json.loads, shop.brigade("ingest", "list").stdout.splitlines())
    assert listed["address"] == f"shop.orders by the secret {SECRET}"
    who = replace(shop, environment={**shop.emulator.environment("root"), "PYTHONPATH": str(shop.root)})
    checked = json.loads(who.brigade("ingest", "check", "orders").stdout)
    assert (checked["url"], checked["more"]) == (listed["address"], True)
    assert set(checked["fields"]) == {"id", "price", "note"}
    done = who.brigade("ingest", "run", "orders", "--to", "-", "--limit-pages", "1")
    assert json.loads(done.stdout.splitlines()[0])["note"] == "no 1"
    with psycopg.connect(given(shop.postgres).uri) as connection:
        assert connection.execute("SELECT count(*) FROM shop.orders").fetchone() == (COUNT,)
