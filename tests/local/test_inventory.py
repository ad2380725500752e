"""Deliveries of the local AWS, read by the library and by the command, here and on its Athena, in all three formats."""

import csv
import io
import json
import os
import subprocess
import sys
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from brigade.catalog import QUESTIONS, Question
from brigade.errors import BrigadeError, InvalidData, NotFound
from brigade.inventory import athena, deliveries, latest, open_delivery, query, read
from tests.local.conftest import Emulator, run_local

KEYS = [
    "plain/one.txt",
    "plain/two.txt",
    "space and+plus/100%=sure %41.txt",
    'quotes "and", commas.csv',
    "new\nline\tand tab.txt",
    "emoji 🪣/日本語/Ωмега.jpg",
    "//leading//../dots",
    "delete/me.txt",
]
FIELDS = ["Size", "LastModifiedDate", "ETag", "StorageClass", "IsMultipartUploaded", "EncryptionStatus"]
TYPED = {
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
    "encryption_status": "string",
}
SERDES = {
    "CSV": "org.apache.hadoop.hive.serde2.OpenCSVSerde",
    "ORC": "org.apache.hadoop.hive.ql.io.orc.OrcSerde",
    "Parquet": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
}


@dataclass(frozen=True)
class Lake:
    """A bucket with odd keys, its delivery, and the table over it."""

    emulator: Emulator
    environment: Mapping[str, str]
    form: str
    lake: str
    reports: str
    database: str

    @property
    def place(self) -> tuple[str, str, str, str]:
        return self.reports, "inventory", self.lake, "all"

    def client(self, service: str) -> Any:
        return self.emulator.root(service)

    def run(self, *arguments: str, check: bool = True) -> "subprocess.CompletedProcess[bytes]":
        """Run ``brigade inventory …`` as a person does."""
        environment = {
            **self.environment,
            "BRIGADE_LAKE_BUCKET": self.lake,
            "BRIGADE_REPORTS_BUCKET": self.reports,
            "BRIGADE_INVENTORY_PREFIX": "inventory",
            "BRIGADE_INVENTORY_ID": "all",
            "BRIGADE_DATABASE": self.database,
            "BRIGADE_INVENTORY_TABLE": "inventory",
            "BRIGADE_WORKGROUP": self.database,
            "BRIGADE_STATE_BUCKET": f"state-{self.lake}",
        }
        command: list[str | Path] = [Path(sys.executable).with_name("brigade"), *arguments]
        return subprocess.run(command, env=environment, capture_output=True, check=check, timeout=60)

    def asked_athena(self, sql: str) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
        partition = latest(self.client("s3"), *self.place).partition
        statement = athena.statement(self.client("glue"), self.database, "inventory", sql, partition)
        answer = athena.query(self.client("athena"), self.database, self.database, statement)
        return answer.columns, list(answer.rows)

    def asked_duckdb(self, sql: str) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
        s3 = self.client("s3")
        result = query(latest(s3, *self.place), sql)
        return result.columns, list(result.rows())


@pytest.fixture(scope="module", params=["CSV", "ORC", "Parquet"])
def lake(emulator: Emulator, request: pytest.FixtureRequest) -> Lake:
    name = f"{request.param.lower()}-{uuid.uuid4().hex[:8]}"
    made = Lake(
        emulator,
        emulator.environment("root"),
        request.param,
        f"lake-{name}",
        f"reports-{name}",
        f"db_{name.replace('-', '_')}",
    )
    s3 = made.client("s3")
    s3.create_bucket(Bucket=made.lake)
    s3.create_bucket(Bucket=made.reports)
    s3.put_bucket_versioning(Bucket=made.lake, VersioningConfiguration={"Status": "Enabled"})
    _configure(made)
    for number, key in enumerate(KEYS):
        s3.put_object(Bucket=made.lake, Key=key, Body=b"x" * (number * 100))
    s3.put_object(Bucket=made.lake, Key=KEYS[0], Body=b"a second version")
    s3.delete_object(Bucket=made.lake, Key="delete/me.txt")
    run_local(emulator.home, "deliver-inventory", made.lake)
    _make_table(made)
    return made


def _configure(made: Lake) -> None:
    s3 = made.client("s3")
    consent = {
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "s3:PutObject",
        "Resource": f"arn:aws:s3:::{made.reports}/*",
        "Condition": {
            "ArnLike": {"aws:SourceArn": f"arn:aws:s3:::{made.lake}"},
            "StringEquals": {"aws:SourceAccount": "000000000000", "s3:x-amz-acl": "bucket-owner-full-control"},
        },
    }
    s3.put_bucket_policy(Bucket=made.reports, Policy=json.dumps({"Version": "2012-10-17", "Statement": [consent]}))
    destination = {"Bucket": f"arn:aws:s3:::{made.reports}", "Format": made.form, "Prefix": "inventory"}
    s3.put_bucket_inventory_configuration(
        Bucket=made.lake,
        Id="all",
        InventoryConfiguration={
            "Id": "all",
            "IsEnabled": True,
            "IncludedObjectVersions": "All",
            "Schedule": {"Frequency": "Daily"},
            "OptionalFields": FIELDS,
            "Destination": {"S3BucketDestination": destination},
        },
    )


def _make_table(made: Lake) -> None:
    # What is empty for a delete marker is text in CSV: its SerDe takes no empty number, date or boolean.
    types = dict.fromkeys(TYPED, "string") if made.form == "CSV" else TYPED
    made.client("glue").create_database(DatabaseInput={"Name": made.database})
    made.client("glue").create_table(
        DatabaseName=made.database,
        TableInput={
            "Name": "inventory",
            "TableType": "EXTERNAL_TABLE",
            "Parameters": {
                "EXTERNAL": "TRUE",
                "projection.enabled": "true",
                "projection.dt.type": "date",
                "projection.dt.format": "yyyy-MM-dd-HH-mm",
                "projection.dt.range": "2026-11-01-00-00,NOW",
                "projection.dt.interval": "1",
                "projection.dt.interval.unit": "HOURS",
            },
            "PartitionKeys": [{"Name": "dt", "Type": "string"}],
            "StorageDescriptor": {
                "Location": f"s3://{made.reports}/inventory/{made.lake}/all/hive/",
                "InputFormat": "org.apache.hadoop.hive.ql.io.SymlinkTextInputFormat",
                "OutputFormat": "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
                "SerdeInfo": {"SerializationLibrary": SERDES[made.form], "Parameters": {"serialization.format": "1"}},
                "Columns": [{"Name": name, "Type": kind} for name, kind in types.items()],
            },
        },
    )
    results = {"OutputLocation": f"s3://{made.reports}/queries/"}
    made.client("athena").create_work_group(Name=made.database, Configuration={"ResultConfiguration": results})


def test_rows_are_the_objects_of_the_bucket(lake: Lake) -> None:
    s3 = lake.client("s3")
    delivery = latest(s3, *lake.place)
    assert (delivery.manifest.format, delivery.manifest.source_bucket) == (lake.form, lake.lake)
    assert dict(delivery.manifest.columns) == TYPED
    found = [row for batch in read(delivery) for row in batch.to_pylist()]
    listed = s3.list_object_versions(Bucket=lake.lake)
    expected = {
        (item["Key"], item["VersionId"], item["IsLatest"], item.get("Size"), item["LastModified"])
        for item in [*listed["Versions"], *listed["DeleteMarkers"]]
    }
    seen = {(row["key"], row["version_id"], row["is_latest"], row["size"], row["last_modified_date"]) for row in found}
    assert {row[:4] for row in seen} == {row[:4] for row in expected}
    moments = {row[1]: row[4] for row in expected}
    assert all(abs((row[4] - moments[row[1]]).total_seconds()) < 1 for row in seen)
    assert {row["key"] for row in found if row["is_delete_marker"]} == {"delete/me.txt"}


def test_deliveries_are_found_newest_first_and_only_when_finished(lake: Lake) -> None:
    s3 = lake.client("s3")
    first, *others = deliveries(s3, *lake.place)
    assert first == latest(s3, *lake.place)
    assert open_delivery(s3, first.uri).manifest == first.manifest
    key = f"inventory/{lake.lake}/all/2099-01-01T01-00Z/manifest.json"
    s3.put_object(Bucket=lake.reports, Key=key, Body=b"{}")
    try:
        assert deliveries(s3, *lake.place) == [first, *others]
        with pytest.raises(NotFound, match="S3 has not finished the delivery"):
            open_delivery(s3, f"s3://{lake.reports}/{key}")
    finally:
        s3.delete_object(Bucket=lake.reports, Key=key)


@pytest.mark.parametrize("lake", ["CSV"], indirect=True)
def test_no_delivery_says_what_to_do(lake: Lake) -> None:
    s3 = lake.client("s3")
    with pytest.raises(NotFound, match="within 48 hours; on the local AWS run: brigade local deliver-inventory"):
        latest(s3, lake.reports, "inventory", lake.lake, "other")
    with pytest.raises(NotFound, match="no such bucket"):
        latest(s3, "no-such-bucket-here", "inventory", lake.lake, "all")


@pytest.mark.parametrize("lake", ["CSV"], indirect=True)
def test_a_manifest_that_points_outside_its_bucket_is_refused(lake: Lake) -> None:
    s3 = lake.client("s3")
    folder = latest(s3, *lake.place).uri.removeprefix(f"s3://{lake.reports}/").removesuffix("manifest.json")
    for name in ("manifest.json", "manifest.checksum"):
        s3.copy_object(Bucket=lake.lake, Key=f"copied/{name}", CopySource=f"{lake.reports}/{folder}{name}")
    with pytest.raises(InvalidData, match=f"points outside its bucket, to '{lake.reports}'"):
        open_delivery(s3, f"s3://{lake.lake}/copied/manifest.json")


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT key, version_id, is_latest, is_delete_marker, size, last_modified_date, e_tag, storage_class, "
        "is_multipart_uploaded FROM inventory ORDER BY key, version_id",
        "SELECT * FROM inventory ORDER BY key, version_id",
        "SELECT count(*) AS n, sum(size) AS bytes, avg(size) AS mean, max(last_modified_date) AS newest FROM inventory",
        "SELECT key FROM inventory WHERE size >= 200 AND is_latest AND key LIKE '%🪣%'",
        "SELECT is_latest, count(*) AS n FROM inventory WHERE size IS NOT NULL GROUP BY is_latest ORDER BY n",
        "SELECT max(size) / 3 AS third FROM inventory",
        "WITH big AS (SELECT * FROM inventory WHERE size > 100) SELECT count(*) AS n FROM big",
    ],
)
def test_athena_answers_what_duckdb_answers(lake: Lake, sql: str) -> None:
    here = lake.asked_duckdb(sql)
    assert here[1]
    assert lake.asked_athena(sql) == here


def test_athena_says_its_own_reason(lake: Lake) -> None:
    statement = athena.statement(lake.client("glue"), lake.database, "inventory", "SELECT nothing FROM inventory", None)
    with pytest.raises(BrigadeError, match=r"ended FAILED on Athena: .*nothing"):
        athena.query(lake.client("athena"), lake.database, lake.database, statement)
    with pytest.raises(NotFound, match="there is no table"):
        athena.statement(lake.client("glue"), lake.database, "other", "SELECT 1 FROM inventory", None)


@pytest.mark.parametrize("lake", ["CSV"], indirect=True)
def test_the_command_streams_exact_keys(lake: Lake) -> None:
    out = lake.run("inventory", "rows", "--columns", "key,size", "--where", "is_latest AND NOT is_delete_marker").stdout
    header, *rows = csv.reader(io.StringIO(out.decode(), newline=""))
    assert header == ["key", "size"]
    assert {row[0] for row in rows} == set(KEYS) - {"delete/me.txt"}
    lines = lake.run("--json", "inventory", "rows", "--columns", "key").stdout.decode().splitlines()
    assert {json.loads(line)["key"] for line in lines} == set(KEYS)


@pytest.mark.parametrize("lake", ["CSV"], indirect=True)
def test_the_command_asks_both_engines(lake: Lake) -> None:
    sql = "SELECT key, size FROM inventory WHERE is_latest AND size > 0 ORDER BY key"
    here = lake.run("--json", "inventory", "sql", sql)
    there = lake.run("--json", "inventory", "sql", sql, "--engine", "athena")
    assert here.stdout == there.stdout
    assert json.loads(here.stdout.splitlines()[0])["key"] == "//leading//../dots"
    assert b"it reads the delivery dt = '20" in there.stderr
    assert b"bytes for about $0.00005" in there.stderr
    partition = latest(lake.client("s3"), *lake.place).partition
    dated = sql.replace("WHERE", f"WHERE dt = '{partition}' AND")
    pinned = lake.run("--json", "inventory", "sql", dated, "--engine", "athena")
    assert pinned.stdout == here.stdout
    assert b"names no dt" not in pinned.stderr


@pytest.mark.parametrize(
    "question", [each for each in QUESTIONS if each.name != "by-owner"], ids=lambda each: each.name
)
def test_both_engines_answer_each_question_alike(lake: Lake, question: Question) -> None:
    s3 = lake.client("s3")
    delivery = latest(s3, *lake.place)
    columns = [*delivery.manifest.columns, "dt"]
    if not set(question.reads) <= set(columns):
        with pytest.raises(NotFound, match="which this inventory lacks"):
            question.text(columns)
        return
    text = question.text(columns)
    here = query(delivery, text)
    assert lake.asked_athena(text) == (here.columns, list(here.rows()))


@pytest.mark.parametrize("lake", ["CSV"], indirect=True)
def test_the_command_asks_a_question(lake: Lake) -> None:
    listed = [json.loads(line) for line in lake.run("--json", "inventory", "questions").stdout.splitlines()]
    assert [each["question"] for each in listed] == [each.name for each in QUESTIONS]
    asked = ["--json", "inventory", "ask", "by-prefix", "--argument", "depth=2"]
    here, there = lake.run(*asked), lake.run(*asked, "--engine", "athena")
    assert here.stdout == there.stdout
    prefixes = {json.loads(line)["prefix"] for line in here.stdout.splitlines()}
    assert prefixes == {"plain/", "space and+plus/", "", "emoji 🪣/日本語/", "//"}
    markers = json.loads(lake.run("--json", "inventory", "ask", "delete-markers").stdout)
    assert markers == {"prefix": "delete/", "markers": 1, "hiding_nothing": 0}


@pytest.mark.parametrize("lake", ["Parquet"], indirect=True)
def test_the_command_enables_a_bucket_that_exists_and_reads_it(lake: Lake) -> None:
    s3, bucket = lake.client("s3"), f"old.bucket-{uuid.uuid4().hex[:8]}"
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="old/a b+c", Body=b"12345")
    listed = s3.get_bucket_inventory_configuration(Bucket=lake.lake, Id="all")["InventoryConfiguration"]
    theirs = {**listed, "Id": "theirs", "Filter": {"Prefix": "old/"}}
    s3.put_bucket_inventory_configuration(Bucket=bucket, Id="theirs", InventoryConfiguration=theirs)
    policy = s3.get_bucket_policy(Bucket=lake.reports)["Policy"]
    shown = json.loads(lake.run("--json", "inventory", "enable", bucket, "--dry-run").stdout)
    assert shown["table"] == f"{lake.database}.inventory_{bucket.replace('.', '_').replace('-', '_')}"
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
    run_local(lake.emulator.home, "deliver-inventory", bucket)
    sql = "SELECT key, size FROM inventory"
    here = lake.run("--json", "inventory", "sql", sql, "--bucket", bucket)
    assert json.loads(here.stdout) == {"key": "old/a b+c", "size": 5}
    assert lake.run("--json", "inventory", "sql", sql, "--bucket", bucket, "--engine", "athena").stdout == here.stdout


@pytest.mark.parametrize("lake", ["CSV"], indirect=True)
def test_the_command_sends_each_key_to_a_queue_and_goes_on_where_it_stopped(lake: Lake) -> None:
    s3, sqs = lake.client("s3"), lake.client("sqs")
    s3.create_bucket(Bucket=f"state-{lake.lake}")
    for name, attributes in (("keys", {}), ("keys.fifo", {"FifoQueue": "true"})):
        url = sqs.create_queue(QueueName=f"{uuid.uuid4().hex[:8]}-{name}", Attributes=attributes)["QueueUrl"]
        shown = lake.run("inventory", "to-queue", url, "--dry-run", "--body", "{key}")
        assert len(shown.stdout.splitlines()) >= 3
        sent = lake.run("--json", "inventory", "to-queue", url, "--yes", "--where", "key <> 'plain/two.txt'")
        assert json.loads(sent.stdout)["messages"] == len(KEYS) - 2
        found = []
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                found.append(json.loads(message["Body"])["key"])
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        assert sorted(found) == sorted(set(KEYS) - {"delete/me.txt", "plain/two.txt"})


@pytest.mark.parametrize("lake", ["ORC"], indirect=True)
def test_the_command_lists_deliveries(lake: Lake) -> None:
    lines = lake.run("--json", "inventory", "deliveries").stdout.splitlines()
    assert [json.loads(line)["format"] for line in lines] == [lake.form] * len(lines)
    folder = f"s3://{lake.reports}/inventory/{lake.lake}/all"
    assert lake.run("--json", "inventory", "deliveries", folder).stdout.splitlines() == lines
    table = lake.run("inventory", "deliveries").stdout.decode().splitlines()
    assert table[0].split() == ["taken", "format", "files", "bytes", "manifest"]


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["ask", "by-colour"], 2, "there is no question 'by-colour'; there are by-storage-class"),
        (["ask", "by-prefix", "--argument", "depth=two"], 2, "depth=two: it takes a whole number"),
        (["ask", "largest", "--argument", "depth=2"], 2, "largest takes count, not depth"),
        (["rows", "--format", "keys0", "--columns", "key,size"], 2, "keys0 is keys and nothing else"),
        (["rows", "s3://b/k/manifest.json", "--bucket", "b"], 2, "an address says already whose delivery it is"),
        (["sql", "DELETE FROM inventory"], 2, "the query is not a SELECT"),
        (["sql", "SELECT * FROM read_csv('/etc/passwd')"], 2, "the one table there is, is inventory"),
        (["rows", "--columns", "colour"], 1, "the delivery has no column colour"),
        (["rows", "s3://no-such-bucket-here/x/manifest.json"], 1, "no such bucket"),
        (["rows", "nowhere/manifest.json"], 1, "nowhere/manifest.json is not there"),
        (["deliveries", "s3://bucket"], 2, "is no folder of an inventory configuration"),
    ],
)
@pytest.mark.parametrize("lake", ["CSV"], indirect=True)
def test_mistakes_are_one_line(lake: Lake, arguments: list[str], status: int, said: str) -> None:
    failed = lake.run("inventory", *arguments, check=False)
    assert failed.returncode == status
    assert said in failed.stderr.decode()
    assert len(failed.stderr.decode().splitlines()) == 1
    assert failed.stdout == b""


@pytest.mark.parametrize("lake", ["CSV"], indirect=True)
def test_a_closed_stdout_is_no_error(lake: Lake) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command: list[str | Path] = [
        Path(sys.executable).with_name("brigade"),
        "inventory",
        "rows",
        latest(lake.client("s3"), *lake.place).uri,
    ]
    ended = subprocess.run(
        command, env=lake.environment, stdout=writing, stderr=subprocess.PIPE, check=False, timeout=60
    )
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (0, b"")
