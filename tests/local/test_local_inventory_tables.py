"""The stacks' own table over real deliveries, and their own named queries on it, in every format they can be set to."""

import uuid
from typing import NamedTuple

import pytest

from brigade.settings import Inventory as Settings
from stacks.parts.inventory import columns
from stacks.parts.named_queries import list_named_queries
from tests.local.conftest import Emulator
from tests.local.inventories import Inventory
from tests.local.stack_tables import make_tables

BODIES = {"a/one.txt": b"12345", "a/two words.txt": b"12345", "b/größer.tar": b"1234567890", "plain": b"123"}


TYPED = (
    "key, size, last_modified_date > TIMESTAMP '2020-01-01', is_multipart_uploaded, "
    "object_lock_retain_until_date, lifecycle_expiration_date, replication_status, dt"
)


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
    form, versions = request.param
    inventory = Inventory(emulator)
    inventory.allow()
    if versions == "All":
        inventory.s3.put_bucket_versioning(Bucket=inventory.source, VersioningConfiguration={"Status": "Enabled"})
        inventory.s3.put_object(Bucket=inventory.source, Key="plain", Body=b"an older version, not counted")
        inventory.s3.put_object(Bucket=inventory.source, Key="gone", Body=b"not counted either")
        inventory.s3.delete_object(Bucket=inventory.source, Key="gone")
    for key, body in BODIES.items():
        inventory.s3.put_object(Bucket=inventory.source, Key=key, Body=body)
    fields = [column.field for column in columns(versions) if column.field]
    inventory.configure("lake", form, versions, OptionalFields=fields)
    (told,) = inventory.deliver()
    database = f"catalog_{uuid.uuid4().hex[:8]}"
    settings = make_tables(inventory, database, "lake", form, versions)
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
        for question in list_named_queries(delivered.settings, delivered.database)
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
