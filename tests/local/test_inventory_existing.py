"""An inventory configuration on a bucket that exists: by the stack's function and by the command, others untouched."""

import json
import uuid
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from brigade.errors import NotFound
from brigade.inventory import open_latest_delivery, read
from brigade.inventory.setup import disable
from brigade.inventory.sql import athena
from lambdas.inventory import configure
from tests.local.configuring import cloudformation, wanted
from tests.local.conftest import Emulator, run_local
from tests.local.inventories import OLD_KEYS as KEYS
from tests.local.inventories import Inventory, existing
from tests.local.inventory_lake import Lake


@pytest.fixture
def bucket(emulator: Emulator) -> Inventory:
    return existing(emulator)


@pytest.fixture(autouse=True)
def client(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(configure, "_client", lambda: emulator.root("s3"))


def asked(made: Inventory, kind: str, physical: str | None = None, **changed: str) -> dict[str, Any]:
    """Return the function's response to CloudFormation."""
    properties = {**wanted(made), **changed}
    with cloudformation(kind, properties, physical) as (event, answers):
        configure.handler(event, SimpleNamespace())
    return answers[0]


def test_deploy_update_and_destroy_leave_the_others_as_they_are(bucket: Inventory) -> None:
    theirs = bucket.configurations()["theirs"]
    created = asked(bucket, "Create")
    assert (created["Status"], created["PhysicalResourceId"]) == ("SUCCESS", f"{bucket.source}/lake")
    assert bucket.configurations().keys() == {"theirs", "lake"}
    bucket.deliver()
    delivery = open_latest_delivery(bucket.s3, bucket.destination, "inventory", bucket.source, "lake")
    assert sorted(key for batch in read(delivery) for key in batch["key"].to_pylist()) == KEYS

    assert asked(bucket, "Update", created["PhysicalResourceId"], Format="Parquet")["Status"] == "SUCCESS"
    assert bucket.configurations()["lake"]["Destination"]["S3BucketDestination"]["Format"] == "Parquet"

    assert asked(bucket, "Delete", created["PhysicalResourceId"])["Status"] == "SUCCESS"
    assert bucket.configurations() == {"theirs": theirs}
    listed = bucket.s3.list_objects_v2(Bucket=bucket.source)["Contents"]
    assert sorted(item["Key"] for item in listed) == KEYS


def test_a_create_that_is_asked_twice_is_one(bucket: Inventory) -> None:
    assert asked(bucket, "Create")["Status"] == asked(bucket, "Create")["Status"] == "SUCCESS"


def test_somebody_elses_configuration_of_the_same_name_is_neither_replaced_nor_deleted(bucket: Inventory) -> None:
    before = bucket.configurations()
    failed = asked(bucket, "Create", Id="theirs")
    assert failed["Status"] == "FAILED"
    assert "has an inventory configuration 'theirs' already" in failed["Reason"]
    assert asked(bucket, "Delete", failed["PhysicalResourceId"], Id="theirs")["Status"] == "SUCCESS"
    assert bucket.configurations() == before


def test_what_is_gone_is_deleted_without_an_error(bucket: Inventory) -> None:
    assert asked(bucket, "Delete", f"{bucket.source}/lake")["Status"] == "SUCCESS"
    gone = f"gone-{uuid.uuid4().hex}"
    assert asked(bucket, "Delete", f"{gone}/lake", Bucket=gone)["Status"] == "SUCCESS"


def test_a_bucket_that_is_not_there_fails_the_create_with_its_reason(bucket: Inventory) -> None:
    failed = asked(bucket, "Create", Bucket=f"gone-{uuid.uuid4().hex}")
    assert failed["Status"] == "FAILED"
    assert "NoSuchBucket" in failed["Reason"]


@pytest.mark.parametrize("lake", ["Parquet", "CSV"], indirect=True)
def test_the_command_enables_a_bucket_that_exists_and_reads_it(lake: Lake) -> None:
    s3, bucket = lake.client("s3"), f"old.bucket-{uuid.uuid4().hex[:8]}"
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="old/a b+c", Body=b"12345")
    listed = s3.get_bucket_inventory_configuration(Bucket=lake.lake, Id="all")["InventoryConfiguration"]
    theirs = {**listed, "Id": "theirs", "Filter": {"Prefix": "old/"}}
    s3.put_bucket_inventory_configuration(Bucket=bucket, Id="theirs", InventoryConfiguration=theirs)
    policy = s3.get_bucket_policy(Bucket=lake.reports)["Policy"]
    shown = json.loads(lake.run("--json", "inventory", "enable", bucket, "--dry-run").stdout)
    named = f"inventory_{bucket.replace('.', '_').replace('-', '_')}"
    assert shown["tables"] == [f"{lake.database}.{named}", f"{lake.database}.typed_{named}"]
    assert s3.get_bucket_policy(Bucket=lake.reports)["Policy"] == policy
    asked = lake.run("inventory", "enable", bucket, check=False)
    assert (asked.returncode, b"add --yes" in asked.stderr) == (2, True)
    for _ in range(2):  # once more changes nothing
        lake.run("inventory", "enable", bucket, "--yes")
    configured = s3.list_bucket_inventory_configurations(Bucket=bucket)["InventoryConfigurationList"]
    assert {each["Id"]: each.get("Filter") for each in configured} == {"all": None, "theirs": {"Prefix": "old/"}}
    before, after = (
        json.loads(each)["Statement"] for each in (policy, s3.get_bucket_policy(Bucket=lake.reports)["Policy"])
    )
    assert [statement for statement in after if statement in before] == before
    assert len(after) == len(before) + 1
    alike = bucket.replace(".", "-")
    s3.create_bucket(Bucket=alike)
    refused = lake.run("inventory", "enable", alike, "--yes", check=False)
    assert refused.returncode == 2
    assert f"{lake.database}.{named}, which is that of {bucket}" in refused.stderr.decode()
    run_local(lake.emulator.home, "deliver-inventory", bucket)
    sql = "SELECT key, size FROM inventory"
    here = lake.run("--json", "inventory", "sql", sql, "--bucket", bucket)
    assert json.loads(here.stdout) == {"key": "old/a b+c", "size": 5}
    assert lake.run("--json", "inventory", "sql", sql, "--bucket", bucket, "--engine", "athena").stdout == here.stdout
    newest = open_latest_delivery(s3, lake.reports, "inventory", bucket, "all")
    # Its address is enough: the table is that of the delivery's bucket, not the lake's.
    by_address = lake.run("--json", "inventory", "sql", sql, "--delivery", newest.uri, "--engine", "athena")
    assert by_address.stdout == here.stdout
    partition = newest.partition
    viewed = f"SELECT key, size FROM typed_{named} WHERE dt = '{partition}'"
    answer = athena.query(lake.client("athena"), lake.database, lake.database, viewed)
    assert list(answer.rows) == [("old/a b+c", 5)]

    shown = json.loads(lake.run("--json", "inventory", "disable", bucket, "--dry-run").stdout)
    assert (shown["configuration"], len(shown["tables"])) == ("all", 2)
    assert lake.run("inventory", "disable", bucket, check=False).returncode == 2
    assert len(s3.list_bucket_inventory_configurations(Bucket=bucket)["InventoryConfigurationList"]) == 2
    lake.run("inventory", "disable", bucket, "--yes")
    assert json.loads(s3.get_bucket_policy(Bucket=lake.reports)["Policy"]) == json.loads(policy)
    assert [
        each["Id"] for each in s3.list_bucket_inventory_configurations(Bucket=bucket)["InventoryConfigurationList"]
    ] == ["theirs"]
    tables = {each["Name"] for each in lake.client("glue").get_tables(DatabaseName=lake.database)["TableList"]}
    assert tables == {"inventory", "typed_inventory"}
    assert open_latest_delivery(s3, lake.reports, "inventory", bucket, "all"), "what was delivered stays"
    nothing = lake.run("inventory", "disable", bucket, "--yes", check=False)
    assert (nothing.returncode, b"put nothing for" in nothing.stderr) == (1, True)


@pytest.mark.parametrize("lake", ["CSV"], indirect=True)
def test_where_a_key_encrypts_the_command_has_it_consent_too(lake: Lake) -> None:
    s3, kms, name = lake.client("s3"), lake.client("kms"), f"kept{uuid.uuid4().hex[:6]}"
    key = kms.create_key()["KeyMetadata"]["Arn"]
    (owner,) = json.loads(kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"])["Statement"]
    default = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}}
    s3.put_bucket_encryption(Bucket=lake.reports, ServerSideEncryptionConfiguration={"Rules": [default]})
    try:
        # Alike, for whoever leaves out what no statement's name may have.
        for bucket in (f"{name}1", f"{name}-1"):
            s3.create_bucket(Bucket=bucket)
            shown = json.loads(lake.run("--json", "inventory", "enable", bucket, "--yes").stdout)
            assert f"arn:aws:s3:::{bucket}" in json.dumps(shown[f"statement in the policy of {key}"])
        for bucket in (f"{name}1", f"{name}-1"):
            run_local(lake.emulator.home, "deliver-inventory", bucket)
            place = open_latest_delivery(s3, lake.reports, "inventory", bucket, "all").uri.removeprefix(
                f"s3://{lake.reports}/"
            )
            assert s3.head_object(Bucket=lake.reports, Key=place)["SSEKMSKeyId"] == key
        lake.run("inventory", "disable", f"{name}1", "--yes")
        policy = json.loads(kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"])
        assert len(policy["Statement"]) == 2
        assert policy["Statement"][0] == owner, "the account's own right to the key stays"
        assert f"arn:aws:s3:::{name}-1" in json.dumps(policy["Statement"][1])
    finally:
        s3.delete_bucket_encryption(Bucket=lake.reports)


@pytest.mark.parametrize("lake", ["CSV"], indirect=True)
def test_what_a_deployment_has_made_its_own_is_not_taken_away(lake: Lake) -> None:
    """It wrote the reports bucket's policy anew, so the configuration delivers by its consent; the tables are ours."""
    s3, bucket = lake.client("s3"), f"listed-{uuid.uuid4().hex[:8]}"
    s3.create_bucket(Bucket=bucket)
    policy = s3.get_bucket_policy(Bucket=lake.reports)["Policy"]
    lake.run("inventory", "enable", bucket, "--yes")
    s3.put_bucket_policy(Bucket=lake.reports, Policy=policy)
    planned = disable.plan_disable(lake.client, lake.database, lake.place, bucket)
    assert (planned.configuration, planned.consents, len(planned.names)) == (None, [], 2)
    for _ in range(2):  # once more changes nothing
        disable.apply_disable(lake.client, lake.database, planned)
    listed = s3.list_bucket_inventory_configurations(Bucket=bucket)["InventoryConfigurationList"]
    assert [each["Id"] for each in listed] == ["all"]
    with pytest.raises(NotFound, match="put nothing for"):
        disable.plan_disable(lake.client, lake.database, lake.place, bucket)


@pytest.mark.parametrize("lake", ["CSV"], indirect=True)
@pytest.mark.parametrize("verb", ["enable", "disable"])
def test_who_lacks_the_rights_is_told_whose_to_use(lake: Lake, verb: str) -> None:
    lacking = replace(lake, environment=lake.emulator.environment())
    refused = lacking.run("inventory", verb, "whose", "--yes", check=False)
    assert refused.returncode == 1
    assert b"use the account's own" in refused.stderr
