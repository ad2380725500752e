"""Existing buckets: what the stacks make for them, and that they make nothing of theirs."""

import json
from pathlib import Path
from typing import Any

import pytest

from brigade.errors import SettingsError
from brigade.settings import load
from tests.stacks.conftest import CONTEXT, OPERATIONS, ROOT, Synthesized

from aws_cdk import App  # isort: skip - conftest names Node before CDK is imported

from stacks.stage import add_stage  # isort: skip - as above

NAME = "a.bucket-of-old"


def synthesized(folder: Path, *buckets: dict[str, Any], root: Path = ROOT, **more: Any) -> Synthesized:
    """A stage with existing buckets: with the stacks' own root and no operation, or with those of the tests."""
    settings = load({"stages": {"dev": {"removal": "destroy", "buckets": buckets, **more}}}, target="local")
    app = App(outdir=str(folder), analytics_reporting=False, context=dict(CONTEXT))
    operations = {} if root == ROOT else OPERATIONS
    add_stage(app, settings=settings, sources={}, operations=operations, recurring={}, root=root)
    app.synth()
    return Synthesized(app, folder, settings)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Synthesized:
    return synthesized(tmp_path_factory.mktemp("assembly"), {"name": NAME}, encryption="kms")


def test_no_bucket_is_made_and_the_function_may_do_one_thing(made: Synthesized) -> None:
    kinds = {resource["Type"] for resource in made.template("existing")["Resources"].values()}
    assert kinds == {
        "AWS::IAM::Role",
        "AWS::IAM::Policy",
        "AWS::Lambda::Function",
        "AWS::Logs::LogGroup",
        "Custom::BucketInventory",
    }
    rights = made.one("existing", "AWS::IAM::Policy", "Right")
    (granted,) = rights["PolicyDocument"]["Statement"]
    assert granted["Action"] == ["s3:GetInventoryConfiguration", "s3:PutInventoryConfiguration"]
    assert granted["Resource"] == {"Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, f":s3:::{NAME}"]]}
    (others,) = (each for each in made.all("existing", "AWS::IAM::Policy").values() if each != rights)
    assert "s3:" not in json.dumps(others["PolicyDocument"])
    resource = made.one("existing", "Custom::BucketInventory")
    assert (resource["Bucket"], resource["Id"], resource["ServiceTimeout"]) == (NAME, "lake", "300")
    assert len(resource["Fields"]) == 16


def test_s3_may_deliver_its_inventory_and_it_has_a_table(made: Synthesized) -> None:
    policies = made.all("storage", "AWS::S3::BucketPolicy").values()
    (consent,) = [
        statement
        for policy in policies
        for statement in policy["PolicyDocument"]["Statement"]
        if statement.get("Sid") == "InventoryPolicy"
    ]
    (_, key) = made.one("storage", "AWS::KMS::Key")["KeyPolicy"]["Statement"]
    for statement in (consent, key):
        _, existing = statement["Condition"]["ArnLike"]["aws:SourceArn"]
        assert existing["Fn::Join"][1][-1] == f":s3:::{NAME}"
    tables = {table["TableInput"]["Name"] for table in made.all("catalog", "AWS::Glue::Table").values()}
    old = "inventory_a_bucket_of_old"
    assert tables == {"inventory", "typed_inventory", old, f"typed_{old}"}
    place = made.one("catalog", "AWS::Glue::Table", "Tableabucket")["TableInput"]["StorageDescriptor"]["Location"]
    assert place["Fn::Join"][1][-1] == f"/inventory/{NAME}/lake/"
    for noun in ("operator", "inventory"):
        assert ":table/brigade_dev/inventory*" in json.dumps(made.template(noun)), "its table is theirs to read"


def test_each_bucket_has_an_alarm_of_its_own_for_a_late_delivery(made: Synthesized) -> None:
    alarm = made.one("monitoring", "AWS::CloudWatch::Alarm", "InventoryLateinventoryabucketofold")
    assert {each["Name"]: each["Value"] for each in alarm["Dimensions"]} == {
        "service": "inventory",
        "table": "inventory_a_bucket_of_old",
    }


KEY = "arn:aws:kms:us-east-1:000000000000:key/1234"


def granted(made: Synthesized, name: str) -> set[tuple[str, str]]:
    """Return the operation's grants on the existing bucket, its objects, and the KMS key that encrypts them."""
    statements = made.one("batch-operations", "AWS::IAM::Policy", f"Operation{name}")["PolicyDocument"]["Statement"]
    return {
        (action, resource if resource == KEY else resource["Fn::Join"][1][-1].partition(":s3:::")[2])
        for each in statements
        for action in as_list(each["Action"])
        for resource in as_list(each["Resource"])
        if NAME in json.dumps(resource) or resource == KEY
    }


def test_an_operation_may_do_what_it_declares_to_the_named_keys_and_no_others(tmp_path: Path, repository: Path) -> None:
    operations = {"look": ["photographs/*", "scans/*.tif"]}
    made = synthesized(tmp_path / "reads", {"name": NAME, "operations": operations}, root=repository)
    reading = ("s3:GetObject", "s3:GetObjectVersion")
    keys = {(action, f"{NAME}/{key}") for action in reading for key in ("photographs/*", "scans/*.tif")}
    assert granted(made, "Look") == keys | {("s3:ListBucket", NAME)}
    assert granted(made, "Make") == set(), "an operation that is not named reads nothing of it"
    kept = {"name": NAME, "operations": {"make": ["films/*"]}, "key": KEY}
    writes = synthesized(tmp_path / "writes", kept, root=repository)
    assert granted(writes, "Make") == {
        *((action, f"{NAME}/films/*") for action in (*reading, "s3:PutObject")),
        ("s3:ListBucket", NAME),
        ("kms:Decrypt", KEY),
        ("kms:GenerateDataKey", KEY),
    }
    assert granted(writes, "Look") == set()


def test_the_operator_sends_keys_to_the_queues_of_the_settings(tmp_path: Path, repository: Path) -> None:
    made = synthesized(tmp_path, {"name": NAME}, root=repository, queues=["keys", "keys.fifo"])
    (policy,) = made.all("operator", "AWS::IAM::ManagedPolicy").values()
    (sending,) = [each for each in policy["PolicyDocument"]["Statement"] if "sqs" in json.dumps(each)]
    assert sending["Action"] == "sqs:SendMessage"
    assert [resource["Fn::Join"][1][-1] for resource in sending["Resource"]] == [":keys", ":keys.fifo"]


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_two_buckets_of_one_table_are_refused() -> None:
    with pytest.raises(SettingsError, match="buckets names two whose tables would both be inventory_a_b"):
        load({"stages": {"dev": {"buckets": [{"name": "a-b"}, {"name": "a.b"}]}}})


def test_an_operation_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert "look" in OPERATIONS
    with pytest.raises(SettingsError, match=f"buckets: {NAME}: no operation look"):
        synthesized(tmp_path, {"name": NAME, "operations": {"look": ["*"]}})
