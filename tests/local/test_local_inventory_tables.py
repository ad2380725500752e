"""The stacks' own table over real deliveries, and their own named queries on it, in every format they can be set to."""

import uuid
from typing import Any

import pytest
from aws_cdk import App, Stack
from aws_cdk.assertions import Template

from brigade.settings import Inventory as Settings
from stacks.parts.inventory import columns
from stacks.parts.questions import questions
from stacks.parts.table import InventoryTable
from tests.local.conftest import Emulator
from tests.local.inventories import Inventory

BODIES = {"a/one.txt": b"12345", "a/two words.txt": b"12345", "b/größer.tar": b"1234567890", "plain": b"123"}


def table_input(settings: Settings, database: str, deliveries: str) -> dict[str, Any]:
    """What the stack asks Glue for."""
    stack = Stack(App(), "catalog")
    InventoryTable(stack, "Table", catalog="000000000000", database=database, deliveries=deliveries, inventory=settings)
    (resource,) = Template.from_stack(stack).find_resources("AWS::Glue::Table").values()
    given: dict[str, Any] = resource["Properties"]["TableInput"]
    return given


@pytest.mark.parametrize("versions", ["All", "Current"])
@pytest.mark.parametrize("file_format", ["CSV", "ORC", "Parquet"])
def test_named_queries_answer_alike_in_every_format(emulator: Emulator, file_format: str, versions: str) -> None:
    inventory = Inventory(emulator)
    inventory.allow()
    if versions == "All":
        inventory.s3.put_bucket_versioning(Bucket=inventory.source, VersioningConfiguration={"Status": "Enabled"})
        inventory.s3.put_object(Bucket=inventory.source, Key="plain", Body=b"an older version, not counted")
        inventory.s3.put_object(Bucket=inventory.source, Key="gone", Body=b"not counted either")
        inventory.s3.delete_object(Bucket=inventory.source, Key="gone")
    for key, body in BODIES.items():
        inventory.s3.put_object(Bucket=inventory.source, Key=key, Body=body)
    settings = Settings(format=file_format, versions=versions)  # type: ignore[arg-type]  # each is one of the literals
    fields = [column.field for column in columns(versions) if column.field]
    inventory.configure(settings.id, file_format, versions, OptionalFields=fields)
    (delivered,) = inventory.deliver()
    stamp = delivered["delivery"].split("/")[-2].replace("T", "-").removesuffix("Z")

    glue, database = emulator.root("glue"), f"catalog_{uuid.uuid4().hex[:8]}"
    deliveries = f"s3://{inventory.destination}/inventory/{inventory.source}/{settings.id}"
    glue.create_database(DatabaseInput={"Name": database})
    glue.create_table(DatabaseName=database, TableInput=table_input(settings, database, deliveries))
    answers = {
        question.name: inventory.query(question.sql, database, ExecutionParameters=[f"'{stamp}'"])
        for question in questions(settings, database)
    }

    assert answers["by-storage-class"] == [["STANDARD", "4", "23"]]
    assert sorted(answers["by-suffix"]) == [["", "1", "3"], ["tar", "1", "10"], ["txt", "2", "10"]]
    assert sorted(answers["by-prefix"]) == [["", "1", "3"], ["a/", "2", "10"], ["b/", "1", "10"]]
    assert [row[:2] for row in answers["largest"]] == [
        ["b/größer.tar", "10"],
        ["a/one.txt", "5"],
        ["a/two words.txt", "5"],
        ["plain", "3"],
    ]
    assert sorted(str(row[0]) for row in answers["oldest"]) == sorted(BODIES)
    assert answers["replication-incomplete"] == []
    assert [row[1:] for row in answers["duplicates"]] == [["5", "2", "5", "a/one.txt"]]
    assert answers["unencrypted"] == []
