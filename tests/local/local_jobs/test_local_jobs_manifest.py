"""Manifests that S3 refuses: the job is created, and fails while it prepares, with S3's words and the place."""

import gzip
import hashlib
import json
from typing import Any
from urllib.parse import quote_plus

import pytest

from tests.local.local_jobs.batch import BUCKET, Batch

GOOD = b"lake,ok/1\n"


@pytest.mark.parametrize(
    ("manifest", "reason"),
    [
        pytest.param(b"Bucket,Key\n" + GOOD, "not properly formatted: line 1", id="header"),
        pytest.param(b'"bucket","key"\n' + GOOD, "line 1 is a header row", id="athena-header"),
        pytest.param(b"\xef\xbb\xbf" + GOOD, "not properly formatted: it starts with a byte order mark", id="bom"),
        pytest.param(GOOD + b"\n" + GOOD, "not properly formatted: line 2 is blank", id="blank-line"),
        pytest.param(GOOD + b"\n", "not properly formatted: line 2 is blank", id="blank-end"),
        pytest.param(GOOD + b"lake,ok/2,v\n", "line 2 has 3 columns, not 2", id="columns"),
        pytest.param(b"lake\n", "line 1 has 1 columns, not 2", id="one-column"),
        pytest.param(b"lake,ok/1 \n", "line 1 ends in spaces", id="spaces"),
        pytest.param(b'lake,"ok/1\n', "not properly formatted: line 1", id="quote"),
        pytest.param(GOOD + "lake,é\n".encode("latin-1"), "Invalid Manifest Content: line 2 is not UTF-8", id="latin1"),
        pytest.param(gzip.compress(GOOD), "Invalid Manifest Content: line 1 is not UTF-8", id="gzip"),
        pytest.param(b"lake,%ff\n", "Invalid object key format: line 1 is not UTF-8 when decoded", id="escape-bytes"),
        pytest.param(b"lake,100%\n", "Invalid object key format: line 1 holds a %", id="raw-percent"),
        pytest.param(b"lake,\n", "Invalid object key format: line 1 has an empty key", id="empty-key"),
        pytest.param(b"lake," + b"k" * 1025 + b"\n", "Invalid object key format: line 1 has a key of 1025", id="long"),
        pytest.param(b"My Bucket,ok\n", "not properly formatted: line 1 names no bucket", id="bucket"),
        pytest.param(b"", "not properly formatted: it holds no rows", id="empty"),
    ],
)
def test_a_bad_manifest_fails_the_job_before_any_task(batch: Batch, manifest: bytes, reason: str) -> None:
    job_id = batch.create(manifest)
    job = batch.await_status(job_id)
    assert job["Status"] == "Failed"
    [failure] = job["FailureReasons"]
    assert reason in failure["FailureReason"]
    assert failure["FailureCode"] == "InvalidManifestContent"
    assert job["ProgressSummary"]["TotalNumberOfTasks"] == 0
    with pytest.raises(batch.s3.exceptions.NoSuchKey):
        batch.report(job_id)


@pytest.mark.parametrize(
    "manifest", [b"lake,ok/1", b"lake,ok/1\r\n", b'"lake","ok/1"\n', b"lake," + b"k" * 1024], ids=str
)
def test_forms_that_s3_takes(batch: Batch, manifest: bytes) -> None:
    assert batch.run(manifest)["ProgressSummary"]["NumberOfTasksSucceeded"] == 1


def test_columns_may_come_in_any_order_with_others_between(batch: Batch) -> None:
    job_id = batch.create(b"ok/1,17,v2,lake,x\n", fields=["Key", "Ignore", "VersionId", "Bucket", "Ignore"])
    batch.await_status(job_id)
    assert batch.rows(job_id)[0][:4] == ["lake", "ok/1", "v2", "succeeded"]


def test_a_schema_without_a_key_column_fails(batch: Batch) -> None:
    job = batch.run(b"lake\n", fields=["Bucket"])
    assert job["FailureReasons"][0]["FailureReason"] == "Required fields are missing in the schema: Key"


def test_a_manifest_that_changed_fails_and_a_quoted_etag_is_the_same(batch: Batch) -> None:
    name = "changing"
    bare = batch.put(GOOD, name)
    spec = {"Format": "S3BatchOperations_CSV_20180820", "Fields": ["Bucket", "Key"]}
    bare["ETag"] = bare["ETag"].strip('"')
    assert batch.run(b"", Manifest={"Spec": spec, "Location": bare})["Status"] == "Complete"
    batch.put(GOOD + GOOD, name)
    job = batch.run(b"", Manifest={"Spec": spec, "Location": bare})
    assert job["Status"] == "Failed"
    assert "ETag" in job["FailureReasons"][0]["FailureReason"]


def test_a_manifest_that_is_not_there_fails(batch: Batch) -> None:
    location = {"ObjectArn": f"arn:aws:s3:::{BUCKET}/manifests/none", "ETag": "0"}
    spec = {"Format": "S3BatchOperations_CSV_20180820", "Fields": ["Bucket", "Key"]}
    job = batch.run(b"", Manifest={"Spec": spec, "Location": location})
    assert job["Status"] == "Failed"
    assert "manifest" in job["FailureReasons"][0]["FailureReason"]


def inventory(batch: Batch, plains: list[bytes], **changes: Any) -> dict[str, Any]:
    listed = []
    for number, plain in enumerate(plains):
        body = gzip.compress(plain)
        batch.put(body, f"data/{number}.csv.gz")
        md5 = hashlib.md5(body).hexdigest()
        listed.append({"key": f"manifests/data/{number}.csv.gz", "size": len(body), "MD5checksum": md5})
    document = {
        "sourceBucket": "lake",
        "destinationBucket": f"arn:aws:s3:::{BUCKET}",
        "version": "2016-11-30",
        "creationTimestamp": "1748826000000",
        "fileFormat": "CSV",
        "fileSchema": "Bucket, Key, Size, ETag",
        "files": listed,
    } | changes
    spec = {"Format": "S3InventoryReport_CSV_20161130"}
    return {"Spec": spec, "Location": batch.put(json.dumps(document).encode())}


def test_an_inventory_delivery_is_a_manifest(batch: Batch) -> None:
    keys = ["ok/a b", "ok/ü+%", "ok/=,\n\"'"]
    files = [f'"lake","{quote_plus(key, safe="/")}","5","d8e8"\n'.encode() for key in keys]
    job_id = batch.create(b"", Manifest=inventory(batch, [files[0] + files[1], files[2]]))
    job = batch.await_status(job_id)
    assert job["ProgressSummary"]["NumberOfTasksSucceeded"] == 3
    assert sorted(row[6] for row in batch.rows(job_id)) == sorted(keys)
    assert sorted(row[1] for row in batch.rows(job_id)) == sorted(quote_plus(key, safe="/") for key in keys)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"fileFormat": "Parquet"}, "an inventory in Parquet cannot be a manifest"),
        ({"fileSchema": "Bucket, Size"}, "Required fields are missing in the schema"),
        ({"fileSchema": "Bucket, Key"}, "has 4 columns, not 2"),
        ({"files": None}, "not an S3 Inventory manifest"),
        ({"files": [{"key": "manifests/data/0.csv.gz", "MD5checksum": "0" * 32}]}, "the MD5 of"),
    ],
)
def test_a_bad_inventory_manifest_fails(batch: Batch, changes: dict[str, Any], reason: str) -> None:
    job = batch.run(b"", Manifest=inventory(batch, [b'"lake","ok","5","d8e8"\n'], **changes))
    assert job["Status"] == "Failed"
    assert reason in job["FailureReasons"][0]["FailureReason"]


def test_a_csv_file_given_as_an_inventory_fails(batch: Batch) -> None:
    manifest = {"Spec": {"Format": "S3InventoryReport_CSV_20161130"}, "Location": batch.put(GOOD)}
    assert "not an S3 Inventory manifest" in batch.run(b"", Manifest=manifest)["FailureReasons"][0]["FailureReason"]
