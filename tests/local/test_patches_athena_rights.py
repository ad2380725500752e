"""Permissions that a query's caller needs besides Athena's own: the query fails if any one is missing."""

import json
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.local.athena_lake import Lake
from tests.local.conftest import Emulator
from tests.local.inventories import ACCOUNT, KEYS

Statements = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def lake(emulator: Emulator) -> Lake:
    """With a table whose partitions are registered: one that projects them needs no right to list them."""
    made = Lake(emulator)
    made.table("registered", "CSV", parameters={})
    storage = {"Location": f"s3://{made.reports}/inventory/{made.inventory.source}/csv/hive/dt={made.dt(0)}/"}
    partition = {"Values": [made.dt(0)], "StorageDescriptor": storage}
    made.glue.create_partition(DatabaseName=made.database, TableName="registered", PartitionInput=partition)
    return made


@pytest.fixture(scope="module")
def analyst(lake: Lake) -> Iterator[tuple[Any, Statements, Callable[[Statements], None]]]:
    """An Athena client of a user, what it needs for a query, and a way to give it that or less."""
    iam = lake.emulator.root("iam")
    user = f"analyst-{uuid.uuid4().hex[:8]}"
    iam.create_user(UserName=user)
    key = iam.create_access_key(UserName=user)["AccessKey"]
    glue = f"arn:aws:glue:us-east-1:{ACCOUNT}"
    bucket, base = f"arn:aws:s3:::{lake.reports}", f"inventory/{lake.inventory.source}"
    up = [f"{glue}:catalog", f"{glue}:database/{lake.database}"]
    table = [*up, f"{glue}:table/{lake.database}/*"]
    needed: Statements = {
        "athena": {"Action": "athena:*", "Resource": "*"},
        "glue:GetDatabase": {"Action": "glue:GetDatabase", "Resource": up},
        "glue:GetTable": {"Action": "glue:GetTable", "Resource": table},
        "glue:GetPartitions": {"Action": "glue:GetPartitions", "Resource": table},
        "list": {
            "Action": "s3:ListBucket",
            "Resource": bucket,
            "Condition": {"StringLike": {"s3:prefix": "inventory/*"}},
        },
        "symlinks": {"Action": "s3:GetObject", "Resource": f"{bucket}/{base}/*/hive/*"},
        "data": {"Action": "s3:GetObject", "Resource": f"{bucket}/{base}/*/data/*"},
        "output bucket": {"Action": "s3:GetBucketLocation", "Resource": bucket},
        "result": {"Action": "s3:PutObject", "Resource": f"{bucket}/queries/*"},
        "read result": {"Action": "s3:GetObject", "Resource": f"{bucket}/queries/*"},
    }

    def give(statements: Statements) -> None:
        policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **each} for each in statements.values()]}
        iam.put_user_policy(UserName=user, PolicyName="query", PolicyDocument=json.dumps(policy))

    client = lake.emulator.client("athena", access_key=key["AccessKeyId"], secret_key=key["SecretAccessKey"])
    yield client, needed, give
    iam.delete_user_policy(UserName=user, PolicyName="query")


def test_a_caller_with_all_rights_queries_and_reads_the_result(
    lake: Lake, analyst: tuple[Any, Statements, Callable[[Statements], None]]
) -> None:
    client, needed, give = analyst
    for table, deliveries, statements in (
        ("registered", 1, needed),
        ("csv", 2, _without(needed, "glue:GetPartitions")),
    ):
        give(statements)
        execution = lake.start(f"SELECT count(*) FROM {table}", athena=client)
        assert execution["Status"]["State"] == "SUCCEEDED", execution["Status"]
        answer = client.get_query_results(QueryExecutionId=execution["QueryExecutionId"])
        assert answer["ResultSet"]["Rows"][1]["Data"] == [{"VarCharValue": str(deliveries * (len(KEYS) + 1))}]


@pytest.mark.parametrize(
    ("missing", "reason"),
    [
        ("glue:GetDatabase", "not authorized to perform: glue:GetDatabase on resource"),
        ("glue:GetTable", "not authorized to perform: glue:GetTable on resource"),
        ("glue:GetPartitions", "not authorized to perform: glue:GetPartitions on resource"),
        ("list", "not authorized to perform: s3:ListBucket"),
        ("symlinks", "Permission denied on S3 path: s3://"),
        ("data", "Permission denied on S3 path: s3://"),
        ("result", "Access denied when writing output to url: s3://"),
    ],
)
def test_a_query_fails_without_any_one_right_of_its_caller(
    lake: Lake, analyst: tuple[Any, Statements, Callable[[Statements], None]], missing: str, reason: str
) -> None:
    client, needed, give = analyst
    give(_without(needed, missing))
    told = lake.reason("SELECT count(*) FROM registered", athena=client)
    assert reason in told
    assert {"symlinks": "/symlink.txt", "data": "/data/"}.get(missing, "") in told


def test_the_output_bucket_and_the_result_are_asked_for_too(
    lake: Lake, analyst: tuple[Any, Statements, Callable[[Statements], None]]
) -> None:
    client, needed, give = analyst
    give(_without(needed, "output bucket"))
    with pytest.raises(client.exceptions.InvalidRequestException, match="Unable to verify/create output bucket"):
        lake.start("SELECT 1", athena=client)
    give(_without(needed, "read result"))
    execution = lake.start("SELECT 1", athena=client)
    with pytest.raises(client.exceptions.InvalidRequestException, match="Permission denied on S3 path"):
        client.get_query_results(QueryExecutionId=execution["QueryExecutionId"])


def _without(statements: Statements, name: str) -> Statements:
    return {each: statement for each, statement in statements.items() if each != name}
