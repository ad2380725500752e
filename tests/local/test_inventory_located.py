"""The table says where its data is, for Lake Formation: from the first delivery on, whatever becomes of the table."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from brigade.inventory.setup.glue_table import set_location
from tests.local.deployment import Deployment
from tests.local.exercises.base import logged
from tests.local.grants import Grant, Policies
from tests.local.test_inventory_arrived import arrived, delivered, summary

DATABASE, TABLE = "brigade_dev", "inventory"
# Of what Glue describes, the two that any update changes.
CHANGES = ("UpdateTime", "VersionId")


@pytest.fixture
def delivery(deployed: Deployment) -> str:
    """One of something, and summarized, so that nothing else touches the table any more."""
    deployed.emulator.root("s3").put_object(Bucket=deployed.outputs["LakeBucket"], Key="located/one", Body=b"1")
    given = delivered(deployed)
    summary(deployed, given)
    return given


def described(deployed: Deployment) -> dict[str, Any]:
    made: dict[str, Any] = deployed.emulator.root("glue").get_table(DatabaseName=DATABASE, Name=TABLE)["Table"]
    return {name: value for name, value in made.items() if name not in CHANGES}


def redeploy(deployed: Deployment, description: str) -> None:
    """Have CloudFormation update the table, as a deployment does that changes something about it."""
    cloudformation, stack = deployed.emulator.root("cloudformation"), deployed.name("catalog")
    template = cloudformation.get_template(StackName=stack)["TemplateBody"]
    changed = json.loads(template) if isinstance(template, str) else template
    (table,) = (
        resource["Properties"]["TableInput"]
        for resource in changed["Resources"].values()
        if resource["Type"] == "AWS::Glue::Table" and resource["Properties"]["TableInput"]["Name"] == TABLE
    )
    table["Description"] = description
    cloudformation.update_stack(StackName=stack, TemplateBody=json.dumps(changed))
    cloudformation.get_waiter("stack_update_complete").wait(StackName=stack, WaiterConfig={"Delay": 1})
    assert described(deployed)["Description"] == description


def test_the_first_read_of_a_delivery_finds_it_said(deployed: Deployment, delivery: str) -> None:
    storage = described(deployed)["StorageDescriptor"]
    folder, _, _ = delivery.rpartition("/")[0].rpartition("/")
    assert storage["AdditionalLocations"] == [f"{folder}/data/"]
    bucket, _, prefix = storage["AdditionalLocations"][0].removeprefix("s3://").partition("/")
    manifest = delivery.removeprefix(f"s3://{bucket}/")
    s3 = deployed.emulator.root("s3")
    files = json.loads(s3.get_object(Bucket=bucket, Key=manifest)["Body"].read())["files"]
    assert files
    assert all(file["key"].startswith(prefix) for file in files), "S3 puts the data elsewhere"


def test_after_a_deployment_that_changed_the_table_the_next_delivery_says_it_again(
    deployed: Deployment, delivery: str
) -> None:
    before = described(deployed)
    redeploy(deployed, "changed")
    assert "AdditionalLocations" not in described(deployed)["StorageDescriptor"]
    arrived(deployed, delivery)
    assert described(deployed) == {**before, "Description": "changed"}, "nothing else of it changes"
    redeploy(deployed, before["Description"])
    arrived(deployed, delivery)
    assert described(deployed) == before


def test_said_already_it_is_not_written_again(deployed: Deployment, delivery: str) -> None:
    glue = deployed.emulator.root("glue")
    before = glue.get_table(DatabaseName=DATABASE, Name=TABLE)["Table"]
    arrived(deployed, delivery)
    assert glue.get_table(DatabaseName=DATABASE, Name=TABLE)["Table"] == before


def test_refused_it_costs_nobody_the_summary_and_is_logged(deployed: Deployment, delivery: str) -> None:
    told = arrived(deployed, delivery)
    before = described(deployed)
    redeploy(deployed, "changed")
    right = Grant("delivery arrived", "glue:UpdateTable", f"glue:table/{DATABASE}/inventory*")
    with Policies(deployed).without(right), logged(deployed, deployed.name("inventory-arrived"), "not located"):
        assert arrived(deployed, delivery) == told
    assert "AdditionalLocations" not in described(deployed)["StorageDescriptor"]
    redeploy(deployed, before["Description"])
    arrived(deployed, delivery)
    assert described(deployed) == before


def test_a_table_that_is_changed_meanwhile_keeps_that_change(deployed: Deployment, delivery: str) -> None:
    before = described(deployed)["Description"]
    redeploy(deployed, "changed")

    class Raced:
        """Glue, on which a deployment comes between the look and the update."""

        def __init__(self) -> None:
            self.update_table = deployed.emulator.root("glue").update_table

        def get_table(self, **asked: str) -> Any:
            found = deployed.emulator.root("glue").get_table(**asked)
            redeploy(deployed, before)
            return found

    with pytest.raises(ClientError, match="ConcurrentModificationException"):
        set_location(Raced(), DATABASE, TABLE)
    assert described(deployed)["Description"] == before
    arrived(deployed, delivery)
