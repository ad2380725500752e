"""The stacks' own table over real deliveries, and their own named queries on it, in every format they can be set to."""

import uuid
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from aws_cdk import App, Stack
from aws_cdk.assertions import Template

from brigade.settings import Inventory as Settings
from stacks.parts.inventory import columns
from stacks.parts.questions import questions
from stacks.parts.table import InventoryTable
from stacks.parts.view import TypedView
from tests.local.conftest import Emulator
from tests.local.inventories import Inventory

BODIES = {"a/one.txt": b"12345", "a/two words.txt": b"12345", "b/größer.tar": b"1234567890", "plain": b"123"}


TYPED = (
    "key, size, last_modified_date > TIMESTAMP '2020-01-01', is_multipart_uploaded, "
    "object_lock_retain_until_date, lifecycle_expiration_date, replication_status, dt"
)


def table_inputs(settings: Settings, database: str, deliveries: str) -> Iterator[dict[str, Any]]:
    """What the stack asks Glue for: the table and its view."""
    stack, catalog = Stack(App(), "catalog"), "000000000000"
    InventoryTable(stack, "Table", catalog=catalog, database=database, deliveries=deliveries, inventory=settings)
    TypedView(stack, "View", catalog=catalog, database=database, table="inventory", inventory=settings)
    for resource in Template.from_stack(stack).find_resources("AWS::Glue::Table").values():
        yield resource["Properties"]["TableInput"]


class Delivered(NamedTuple):
    """A delivery, and the database with the stack's table and view over it."""

    inventory: Inventory
    settings: Settings
    database: str
    dt: str

    @property
    def versions(self) -> bool:
        return self.settings.versions == "All"


@pytest.fixture(
    scope="module", params=[(form, which) for form in ("CSV", "ORC", "Parquet") for which in ("All", "Current")]
)
def delivered(emulator: Emulator, request: pytest.FixtureRequest) -> Delivered:
    settings = Settings(format=request.param[0], versions=request.param[1])
    inventory = Inventory(emulator)
    inventory.allow()
    if settings.versions == "All":
        inventory.s3.put_bucket_versioning(Bucket=inventory.source, VersioningConfiguration={"Status": "Enabled"})
        inventory.s3.put_object(Bucket=inventory.source, Key="plain", Body=b"an older version, not counted")
        inventory.s3.put_object(Bucket=inventory.source, Key="gone", Body=b"not counted either")
        inventory.s3.delete_object(Bucket=inventory.source, Key="gone")
    for key, body in BODIES.items():
        inventory.s3.put_object(Bucket=inventory.source, Key=key, Body=body)
    fields = [column.field for column in columns(settings.versions) if column.field]
    inventory.configure(settings.id, settings.format, settings.versions, OptionalFields=fields)
    (told,) = inventory.deliver()
    glue, database = emulator.root("glue"), f"catalog_{uuid.uuid4().hex[:8]}"
    deliveries = f"s3://{inventory.destination}/inventory/{inventory.source}/{settings.id}"
    glue.create_database(DatabaseInput={"Name": database})
    for table in table_inputs(settings, database, deliveries):
        glue.create_table(DatabaseName=database, TableInput=table)
    return Delivered(inventory, settings, database, told["delivery"].split("/")[-2].replace("T", "-").removesuffix("Z"))


def test_the_view_has_typed_and_decoded_columns_in_every_format(delivered: Delivered) -> None:
    current = " AND is_latest AND NOT is_delete_marker" if delivered.versions else ""
    sql = f"SELECT {TYPED} FROM typed_inventory v WHERE v.dt = '{delivered.dt}'{current} ORDER BY key"
    assert delivered.inventory.query(sql, delivered.database) == [
        [key, str(len(body)), "true", "false", None, None, None, delivered.dt] for key, body in sorted(BODIES.items())
    ]
    if delivered.versions:
        markers = f"SELECT key, size, is_latest FROM typed_inventory WHERE is_delete_marker AND dt = '{delivered.dt}'"
        assert delivered.inventory.query(markers, delivered.database) == [["gone", None, "true"]]


def test_a_delivery_that_the_view_is_not_asked_for_is_not_read(delivered: Delivered) -> None:
    sql = "SELECT count(*) FROM (SELECT * FROM typed_inventory WHERE dt = '2026-11-01-00-00') AS other"
    other = delivered.inventory.execute(sql, delivered.database)
    assert (other["Status"]["State"], other["Statistics"]["DataScannedInBytes"]) == ("SUCCEEDED", 0)


def test_named_queries_answer_alike_in_every_format(delivered: Delivered) -> None:
    answers = {
        question.name: delivered.inventory.query(
            question.sql, delivered.database, ExecutionParameters=[f"'{delivered.dt}'"]
        )
        for question in questions(delivered.settings, delivered.database)
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
