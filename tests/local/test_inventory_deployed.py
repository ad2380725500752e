"""The stack of existing buckets, deployed, updated and destroyed by the real CDK: what is not its own stays."""

import json
import os
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest

from brigade.inventory import open_latest_delivery, read
from tests.local.configuring import cloudformation, wanted
from tests.local.conftest import Emulator
from tests.local.exercises.base import logged, traced
from tests.local.inventories import OLD_KEYS as KEYS
from tests.local.inventories import Inventory, existing
from tests.local.old_stage import STAGE, Stage


@pytest.fixture
def bucket(emulator: Emulator) -> Inventory:
    return existing(emulator)


# Without these no log and no trace comes, for which a test waits: `make grants` takes them away too.
TOLD = ["logs:CreateLogStream", "logs:PutLogEvents", "xray:PutTelemetryRecords", "xray:PutTraceSegments"]
RIGHTS = ["s3:GetInventoryConfiguration", "s3:PutInventoryConfiguration"]


def configure(stage: Stage, bucket: Inventory, right: str) -> None:
    """Ask the deployed function for a configuration and to take it away again; it says so if ``right`` is for that."""
    name = f"brigade-{STAGE}-inventory-configure"
    told: dict[str, AbstractContextManager[None]] = {"logs": logged(stage, name), "xray": traced(stage, name)}
    with told.get(right.partition(":")[0], nullcontext()):
        for kind, physical in (("Create", None), ("Delete", f"{bucket.source}/right")):
            properties = {**wanted(bucket), "Id": "right"}
            with cloudformation(kind, properties, physical) as (event, answers):
                stage.emulator.root("lambda").invoke(FunctionName=name, Payload=json.dumps(event))
            assert [answer["Status"] for answer in answers] == ["SUCCESS"]


def each_right_is_needed(stage: Stage, bucket: Inventory) -> None:
    """Remove each permission of the deployed function, one after the other: the action that needs it fails."""
    iam = stage.emulator.root("iam")
    (role,) = {each["RoleName"] for each in iam.list_roles()["Roles"] if f"{STAGE}-existing-Conf" in each["RoleName"]}
    policies = {
        name: iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        for name in iam.list_role_policies(RoleName=role)["PolicyNames"]
    }
    held = {
        action: name
        for name, document in policies.items()
        for statement in document["Statement"]
        for action in as_list(statement["Action"])
    }
    assert sorted(held) == sorted(RIGHTS + TOLD)
    for right in RIGHTS + TOLD if os.environ.get("BRIGADE_EVERY_GRANT") else RIGHTS:
        configure(stage, bucket, right)
        name = held[right]
        less = [
            {**statement, "Action": left}
            for statement in policies[name]["Statement"]
            if (left := [action for action in as_list(statement["Action"]) if action != right])
        ]
        fewer = json.dumps({**policies[name], "Statement": less})
        iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=fewer)
        try:
            with pytest.raises(AssertionError):
                configure(stage, bucket, right)
        finally:
            iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(policies[name]))


def as_list(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def test_somebody_elses_configuration_survives_deploy_update_and_destroy(
    emulator: Emulator, bucket: Inventory, tmp_path: Path
) -> None:
    stage, theirs = Stage(emulator, tmp_path), bucket.configurations()["theirs"]
    stacks, always = [f"brigade-{STAGE}-storage", f"brigade-{STAGE}-existing"], ("--require-approval", "never")
    first = stage.assembly("first", "CSV", {"name": bucket.source})
    stage.cdk("bootstrap", "aws://000000000000/us-east-1", "--app", first)

    stage.cdk("deploy", *stacks, *always, "--app", first)
    assert bucket.configurations().keys() == {"theirs", "lake"}
    assert bucket.configurations()["theirs"] == theirs
    each_right_is_needed(stage, bucket)
    bucket.deliver()
    reports = stage.outputs("storage")["ReportsBucket"]
    delivery = open_latest_delivery(bucket.s3, reports, "inventory", bucket.source, "lake")
    assert sorted(key for batch in read(delivery) for key in batch["key"].to_pylist()) == KEYS

    stage.cdk("deploy", *stacks, *always, "--app", stage.assembly("second", "Parquet", {"name": bucket.source}))
    assert bucket.configurations()["lake"]["Destination"]["S3BucketDestination"]["Format"] == "Parquet"
    assert bucket.configurations()["theirs"] == theirs

    other = existing(emulator)
    stage.cdk("deploy", *stacks, *always, "--app", stage.assembly("third", "CSV", {"name": other.source}))
    assert bucket.configurations() == {"theirs": theirs}, "it has left the list, and another come"
    assert other.configurations().keys() == {"theirs", "lake"}

    stage.cdk("destroy", f"brigade-{STAGE}-existing", "--force", "--app", first)
    assert bucket.configurations() == {"theirs": theirs}
    assert other.configurations().keys() == {"theirs"}
    assert sorted(item["Key"] for item in bucket.s3.list_objects_v2(Bucket=bucket.source)["Contents"]) == KEYS
    emulator.root("s3").head_bucket(Bucket=reports)
