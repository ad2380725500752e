"""The stack of existing buckets, deployed, updated and destroyed by the real CDK: what is not its own stays."""

import json
import os
import subprocess
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest

from brigade.inventory import latest, read
from brigade.settings import load
from tests.local.configuring import cloudformation, wanted
from tests.local.conftest import REPOSITORY, Emulator
from tests.local.exercises.base import logged, traced
from tests.local.inventories import OLD_KEYS as KEYS
from tests.local.inventories import Inventory, existing
from tests.stacks.conftest import CONTEXT, ROOT

from aws_cdk import App  # isort: skip - conftest names Node before CDK is imported

from stacks.stage import add_stage  # isort: skip - as above

STAGE = "old"


class Stage:
    """A stage of its own, of which only the stacks that an existing bucket needs are deployed."""

    def __init__(self, emulator: Emulator, folder: Path) -> None:
        self._folder = folder
        self._environment = {**os.environ, **emulator.environment("root")}
        self.emulator = emulator

    def cdk(self, *arguments: str) -> None:
        done = subprocess.run(
            [str(REPOSITORY / "scripts" / "node"), "cdk", *arguments, "--no-notices", "--no-version-reporting"],
            cwd=REPOSITORY,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def assembly(self, name: str, form: str, bucket: str) -> str:
        kept = {"removal": "destroy", "encryption": "kms"}
        given = {"inventory": {"format": form}, "buckets": [{"name": bucket}]}
        settings = load({"stages": {STAGE: kept | given}}, stage=STAGE, target="local")
        app = App(outdir=str(self._folder / name), analytics_reporting=False, context=dict(CONTEXT))
        add_stage(app, settings=settings, sources={}, operations={}, recurring={}, root=ROOT)
        app.synth()
        return str(self._folder / name)

    def outputs(self) -> dict[str, str]:
        cloudformation = self.emulator.root("cloudformation")
        (stack,) = cloudformation.describe_stacks(StackName=f"brigade-{STAGE}-storage")["Stacks"]
        return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


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
    """Take each right of the deployed function away in turn: what it is for fails."""
    iam = stage.emulator.root("iam")
    (role,) = {each["RoleName"] for each in iam.list_roles()["Roles"] if f"{STAGE}-existing-Conf" in each["RoleName"]}
    (policy,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
    whole = iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
    actions = [(statement, as_list(statement["Action"])) for statement in whole["Statement"]]
    assert sorted(action for _, each in actions for action in each) == sorted(RIGHTS + TOLD)
    for right in RIGHTS + TOLD if os.environ.get("BRIGADE_EVERY_GRANT") else RIGHTS:
        configure(stage, bucket, right)
        less = [
            {**statement, "Action": left}
            for statement, each in actions
            if (left := [action for action in each if action != right])
        ]
        iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=json.dumps({**whole, "Statement": less}))
        try:
            with pytest.raises(AssertionError):
                configure(stage, bucket, right)
        finally:
            iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=json.dumps(whole))


def as_list(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def test_somebody_elses_configuration_survives_deploy_update_and_destroy(
    emulator: Emulator, bucket: Inventory, tmp_path: Path
) -> None:
    stage, theirs = Stage(emulator, tmp_path), bucket.configurations()["theirs"]
    stacks, always = [f"brigade-{STAGE}-storage", f"brigade-{STAGE}-existing"], ("--require-approval", "never")
    first = stage.assembly("first", "CSV", bucket.source)
    stage.cdk("bootstrap", "aws://000000000000/us-east-1", "--app", first)

    stage.cdk("deploy", *stacks, *always, "--app", first)
    assert bucket.configurations().keys() == {"theirs", "lake"}
    assert bucket.configurations()["theirs"] == theirs
    each_right_is_needed(stage, bucket)
    bucket.deliver()
    reports = stage.outputs()["ReportsBucket"]
    delivery = latest(bucket.s3, reports, "inventory", bucket.source, "lake")
    assert sorted(key for batch in read(delivery) for key in batch["key"].to_pylist()) == KEYS

    stage.cdk("deploy", *stacks, *always, "--app", stage.assembly("second", "Parquet", bucket.source))
    assert bucket.configurations()["lake"]["Destination"]["S3BucketDestination"]["Format"] == "Parquet"
    assert bucket.configurations()["theirs"] == theirs

    stage.cdk("destroy", f"brigade-{STAGE}-existing", "--force", "--app", first)
    assert bucket.configurations() == {"theirs": theirs}
    assert sorted(item["Key"] for item in bucket.s3.list_objects_v2(Bucket=bucket.source)["Contents"]) == KEYS
    emulator.root("s3").head_bucket(Bucket=reports)
