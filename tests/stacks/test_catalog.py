"""The deliveries are a table, right for each format, and the saved questions give the same answers over each."""

import base64
import inspect
import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote_plus

import duckdb
import pytest
import sqlglot

from brigade.catalog import QUESTIONS
from brigade.settings import Inventory
from stacks.parts.named_queries import list_named_queries
from tests.stacks.conftest import Buckets, Stage, Synthesized

from aws_cdk import aws_glue as glue  # isort: skip - conftest names Node before CDK is imported

# A manifest's fileSchema with every field: https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-inventory.html
CSV_SCHEMA = (
    "Bucket, Key, VersionId, IsLatest, IsDeleteMarker, Size, LastModifiedDate, ETag, StorageClass, "
    "IsMultipartUploaded, ReplicationStatus, EncryptionStatus, ObjectLockRetainUntilDate, ObjectLockMode, "
    "ObjectLockLegalHoldStatus, IntelligentTieringAccessTier, BucketKeyStatus, ChecksumAlgorithm, "
    "ObjectAccessControlList, ObjectOwner, LifecycleExpirationDate"
)
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-inventory-athena-query.html
DOCUMENTED = {
    "bucket": "string",
    "key": "string",
    "version_id": "string",
    "is_latest": "boolean",
    "is_delete_marker": "boolean",
    "size": "bigint",
    "last_modified_date": "timestamp",
    "e_tag": "string",
    "storage_class": "string",
    "is_multipart_uploaded": "boolean",
    "replication_status": "string",
    "encryption_status": "string",
    "object_lock_retain_until_date": "bigint",
    "object_lock_mode": "string",
    "object_lock_legal_hold_status": "string",
    "intelligent_tiering_access_tier": "string",
    "bucket_key_status": "string",
    "checksum_algorithm": "string",
    "object_access_control_list": "string",
    "object_owner": "string",
    "lifecycle_expiration_date": "timestamp",
}
# Booleans too, where AWS's page has boolean: a delete marker's is empty, and that is neither true nor false.
TEXT_IN_CSV = {name for name, kind in DOCUMENTED.items() if kind != "string"}
SERDES = {
    "CSV": "org.apache.hadoop.hive.serde2.OpenCSVSerde",
    "ORC": "org.apache.hadoop.hive.ql.io.orc.OrcSerde",
    "Parquet": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
}


def table(made: Synthesized) -> dict[str, Any]:
    described: dict[str, Any] = made.one("catalog", "AWS::Glue::Table", "Table")["TableInput"]
    return described


@pytest.mark.parametrize("form", SERDES)
@pytest.mark.parametrize("encryption", ["s3", "kms"])
def test_the_table_is_the_documented_one(buckets: Buckets, form: str, encryption: str) -> None:
    made = buckets(
        encryption=encryption, inventory={"format": form, "frequency": "Weekly", "versions": "All", "id": "whole"}
    )
    described = table(made)
    storage = described["StorageDescriptor"]
    expected = {name: "string" if form == "CSV" and name in TEXT_IN_CSV else kind for name, kind in DOCUMENTED.items()}
    assert {column["Name"]: column["Type"] for column in storage["Columns"]} == expected
    assert storage["SerdeInfo"]["SerializationLibrary"] == SERDES[form]
    assert storage["InputFormat"] == "org.apache.hadoop.hive.ql.io.SymlinkTextInputFormat"
    assert described["Name"] == "inventory"
    assert described["TableType"] == "EXTERNAL_TABLE"
    assert described["PartitionKeys"] == [{"Name": "dt", "Type": "string"}]


@pytest.mark.parametrize("form", SERDES)
def test_a_view_has_the_types_that_the_command_has(buckets: Buckets, form: str) -> None:
    made = buckets(encryption="s3", inventory={"format": form, "frequency": "Weekly", "versions": "All", "id": "whole"})
    described = made.one("catalog", "AWS::Glue::Table", "View")["TableInput"]
    assert (described["Name"], described["TableType"]) == ("typed_inventory", "VIRTUAL_VIEW")
    declared = {column["Name"]: column["Type"] for column in described["StorageDescriptor"]["Columns"]}
    assert declared == {**DOCUMENTED, "object_lock_retain_until_date": "timestamp", "dt": "string"}
    text = described["ViewOriginalText"].removeprefix("/* Presto View: ").removesuffix(" */")
    view = json.loads(base64.b64decode(text))
    assert (view["catalog"], view["schema"]) == ("awsdatacatalog", "brigade_dev")
    trino = {"string": "varchar", "timestamp": "timestamp(3)"}
    assert {column["name"]: column["type"] for column in view["columns"]} == {
        name: trino.get(kind, kind) for name, kind in declared.items()
    }
    selected = sqlglot.parse_one(view["originalSql"], read="athena")
    assert isinstance(selected, sqlglot.exp.Query)
    assert selected.named_selects == list(declared)
    assert ('url_decode("key") AS "key"' in view["originalSql"]) == (form == "CSV")


def test_the_columns_come_in_the_order_of_the_files(buckets: Buckets) -> None:
    """A CSV file names no column: the third of the table is whatever the third in the file is."""
    made = buckets(
        encryption="s3", inventory={"format": "CSV", "frequency": "Weekly", "versions": "All", "id": "whole"}
    )
    columns = [column["Name"].replace("_", "") for column in table(made)["StorageDescriptor"]["Columns"]]
    assert columns == [field.lower() for field in CSV_SCHEMA.split(", ")]


def test_current_versions_have_no_version_columns(buckets: Buckets) -> None:
    columns = [column["Name"] for column in table(buckets())["StorageDescriptor"]["Columns"]]
    assert columns == [name for name in DOCUMENTED if name not in ("version_id", "is_latest", "is_delete_marker")]


def test_partitions_are_the_hours_since_the_first_deployment(buckets: Buckets) -> None:
    described = table(buckets(inventory={"since": "2026-11-20-07-00"}))
    assert {name: value for name, value in described["Parameters"].items() if name.startswith("projection")} == {
        "projection.enabled": "true",
        "projection.dt.type": "date",
        "projection.dt.format": "yyyy-MM-dd-HH-mm",
        "projection.dt.range": "2026-11-20-07-00,NOW",
        "projection.dt.interval": "1",
        "projection.dt.interval.unit": "HOURS",
    }
    assert "Parameters" not in described["StorageDescriptor"], "Athena looks for projection in the table's own alone"


def test_what_lake_formation_lets_athena_read_holds_the_data_too(buckets: Buckets) -> None:
    """The table's location, and no more: its symlinks in hive/ and what they point to in data/ are both below it.

    CDK's class is generated of CloudFormation's own schema, which lacks AdditionalLocations, what Glue has for this.
    """
    taken = inspect.signature(glue.CfnTable.StorageDescriptorProperty.__init__).parameters
    assert {"location", "columns", "serde_info"} <= taken.keys()
    assert "additional_locations" not in taken
    described = table(buckets())
    location = described["StorageDescriptor"]["Location"]["Fn::Join"][1]
    template = described["Parameters"]["storage.location.template"]["Fn::Join"][1]
    assert template == [*location[:-1], f"{location[-1]}hive/dt=${{dt}}/"]


def test_the_table_looks_where_s3_delivers(buckets: Buckets) -> None:
    location = table(buckets(inventory={"prefix": "a/b", "id": "mine"}))["StorageDescriptor"]["Location"]
    parts = [part if isinstance(part, str) else part["Fn::ImportValue"] for part in location["Fn::Join"][1]]
    assert parts[0] == "s3://"
    assert "Reports" in parts[1]
    assert parts[2] == "/a/b/"
    assert "Lake" in parts[3]
    assert parts[4:] == ["/mine/"]


@pytest.mark.parametrize(("which", "option"), [("dev", "SSE_S3"), ("prod", "SSE_KMS")])
def test_no_query_can_leave_the_workgroups_rules(stage: Stage, which: str, option: str) -> None:
    made = stage(which)
    workgroup = made.one("catalog", "AWS::Athena::WorkGroup")
    rules = workgroup["WorkGroupConfiguration"]
    assert rules["EnforceWorkGroupConfiguration"] is True
    assert rules["BytesScannedCutoffPerQuery"] == made.settings.query_scan_limit_gib * 1024**3
    assert rules["ResultConfiguration"]["EncryptionConfiguration"]["EncryptionOption"] == option
    assert ("KmsKey" in rules["ResultConfiguration"]["EncryptionConfiguration"]) == (option == "SSE_KMS")
    assert rules["ResultConfiguration"]["OutputLocation"]["Fn::Join"][1][-1] == "/queries/"
    assert made.template("catalog")["Outputs"]["Workgroup"]["Value"] == {
        "Ref": next(iter(made.all("catalog", "AWS::Athena::WorkGroup")))
    }


def test_the_questions_are_saved_in_the_workgroup(stage: Stage) -> None:
    saved = stage().all("catalog", "AWS::Athena::NamedQuery").values()
    expected = [question.name for question in QUESTIONS if not question.versions]
    assert sorted(query["Name"] for query in saved) == sorted(expected), "the lake of dev lists current versions"
    for query in saved:
        assert query["QueryString"].count("?") == 1, "one parameter, the delivery; and no ? in the comments"
        assert "max(dt)" not in query["QueryString"]
        assert {"WorkGroup", "Database"} <= query.keys()


OLD, NEW = datetime(2020, 1, 1, tzinfo=UTC), datetime(2026, 11, 1, 12, 30, tzinfo=UTC)
DT = "2026-11-22-01-00"
# key, size, modified, ETag, class, replication, encryption, latest, marker, dt
OBJECTS: list[tuple[Any, ...]] = [
    ("photographs/a b+c.JPG", 5000, OLD, "aa", "STANDARD", "COMPLETED", "SSE-S3", True, False, DT),
    ("photographs/ü%.jpg", 5000, NEW, "aa", "GLACIER", "FAILED", "SSE-S3", True, False, DT),
    ("README", 10, NEW, "bb", "STANDARD", "PENDING", "NOT-SSE", True, False, DT),
    ("deep/er/x.tar.gz", 700, NEW, "cc", "STANDARD", "", "SSE-KMS", True, False, DT),
    ("empty", 0, NEW, "dd", "STANDARD", "", "SSE-S3", True, False, DT),
    ("empty too", 0, NEW, "dd", "STANDARD", "", "SSE-S3", True, False, DT),
    ("README", 99, OLD, "old", "STANDARD", "FAILED", "NOT-SSE", False, False, DT),
    ("gone", None, NEW, "", "", "", "", True, True, DT),
    ("README", 10, NEW, "bb", "STANDARD", "FAILED", "NOT-SSE", True, False, "2026-11-21-01-00"),
]
STANDARD, PLUS = "STANDARD", "photographs/a b+c.JPG"
ANSWERS: dict[str, list[tuple[Any, ...]]] = {
    "by-storage-class": [(STANDARD, 5, 5710), ("GLACIER", 1, 5000)],
    "by-suffix": [("jpg", 2, 10000), ("gz", 1, 700), ("", 3, 10)],
    "by-prefix": [("photographs/", 2, 10000), ("deep/", 1, 700), ("", 3, 10)],
    "by-age": [("0-29 days", 5, 5710), ("3 years or more", 1, 5000)],
    "by-size": [("1-128 KiB", 2, 10000), ("1 B-1 KiB", 2, 710), ("0", 2, 0)],
    "by-encryption": [("SSE-S3", 4, 10000), ("SSE-KMS", 1, 700), ("NOT-SSE", 1, 10)],
    "by-owner": [("me", 6, 10710)],
    "largest": [(PLUS, 5000), ("photographs/ü%.jpg", 5000), ("deep/er/x.tar.gz", 700), ("README", 10)],
    "oldest": [(PLUS, 5000), ("README", 10)],
    "replication-incomplete": [("README", 10, "PENDING"), ("photographs/ü%.jpg", 5000, "FAILED")],
    "duplicates": [("aa", 5000, 2, 5000, PLUS)],
    "unencrypted": [("README", 10)],
    "delete-markers": [("", 1, 1)],
    "old-versions": [(STANDARD, 1, 99, 0.0)],
}


def filled(inventory: Inventory) -> duckdb.DuckDBPyConnection:
    """A table as Athena sees a delivery: text and form-encoded keys for CSV, typed and raw else."""
    text = inventory.format == "CSV"
    kinds = ("VARCHAR", "VARCHAR", "VARCHAR") if text else ("BIGINT", "TIMESTAMP", "BOOLEAN")
    connection = duckdb.connect()
    connection.execute("CREATE SCHEMA brigade_dev")
    connection.execute(
        f"CREATE TABLE brigade_dev.inventory (key VARCHAR, size {kinds[0]}, last_modified_date {kinds[1]}, "
        "e_tag VARCHAR, storage_class VARCHAR, replication_status VARCHAR, encryption_status VARCHAR, "
        f"is_latest {kinds[2]}, is_delete_marker {kinds[2]}, dt VARCHAR, object_owner VARCHAR)"
    )
    for key, size, modified, *rest, latest, marker, delivery in OBJECTS:
        if text:
            stamp = modified.strftime("%Y-%m-%dT%H:%M:%S.000Z")
            row = [
                quote_plus(key, safe="/"),
                "" if size is None else str(size),
                stamp,
                *rest,
                *map(spelled, (latest, marker)),
            ]
        else:
            row = [key, size, modified.replace(tzinfo=None), *rest, latest, marker]
        row += [delivery, "me"]
        connection.execute(f"INSERT INTO brigade_dev.inventory VALUES ({', '.join('?' * len(row))})", row)
    # What Athena has and DuckDB calls otherwise.
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("CREATE MACRO from_iso8601_timestamp(t) AS CAST(t AS TIMESTAMPTZ)")
    return connection


def spelled(value: bool) -> str:
    return str(value).lower()


@pytest.mark.parametrize("form", SERDES)
@pytest.mark.parametrize("name", [question.name for question in QUESTIONS])
def test_a_question_has_one_answer_whatever_the_format(form: str, name: str) -> None:
    inventory = Inventory(format=form, versions="All")  # type: ignore[arg-type]  # a Literal's values, from the dict
    (question,) = (question for question in list_named_queries(inventory, "brigade_dev") if question.name == name)
    sql = sqlglot.transpile(question.sql, read="athena", write="duckdb")[0]
    # Trino's url_decode is that of forms (+ is a space), DuckDB's is that of URIs.
    sql = sql.replace('URL_DECODE("key")', "URL_DECODE(REPLACE(key, '+', ' '))")
    with filled(inventory) as connection:
        answer = connection.execute(sql, [DT]).fetchall()
    expected = ANSWERS[name]
    width = len(expected[0])
    assert [row[:width] for row in answer[: len(expected)]] == expected
    if name not in ("largest", "oldest"):
        assert len(answer) == len(expected)
