"""manifest.json in every spelling that S3 has written, and the deliveries that are not whole."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from brigade.errors import InvalidData, NotFound
from brigade.inventory import open_delivery
from brigade.inventory.delivery.manifest import DataFile, parse_manifest
from tests.unit.inventory.conftest import NO_S3, SCHEMAS, csv_file, of_keys, write

# As S3 wrote it for the nix-cache bucket (s3-facts A2).
NIX = b"""{
  "sourceBucket" : "nix-cache",
  "destinationBucket" : "arn:aws:s3:::nix-cache-inventory",
  "version" : "2016-11-30",
  "creationTimestamp" : "1748826000000",
  "fileFormat" : "Parquet",
  "fileSchema" : "message s3.inventory {  required binary bucket (STRING);  required binary key (STRING);  optional \
int64 size;  optional int64 last_modified_date (TIMESTAMP(MILLIS,true));  optional binary e_tag (STRING);  optional \
binary storage_class (STRING);}",
  "files" : [ {
    "key" : "nix-cache/nix-cache-inventory/data/ed88423e-6457-4a45-ad18-6e13b66d076f.parquet",
    "size" : 176058964,
    "MD5checksum" : "55bf7c536ac7b6de3c79ff4520a0fa7d"
  } ]
}"""
ALL = (
    "Bucket, Key, VersionId, IsLatest, IsDeleteMarker, Size, LastModifiedDate, ETag, StorageClass, "
    "IsMultipartUploaded, ReplicationStatus, EncryptionStatus, ObjectLockRetainUntilDate, ObjectLockMode, "
    "ObjectLockLegalHoldStatus, IntelligentTieringAccessTier, BucketKeyStatus, ChecksumAlgorithm, "
    "ObjectAccessControlList, ObjectOwner"
)
ALL_ORC = (
    "struct<bucket:string,key:string,version_id:string,is_latest:boolean,is_delete_marker:boolean,size:bigint,"
    "last_modified_date:timestamp,e_tag:string,storage_class:string,is_multipart_uploaded:boolean,"
    "replication_status:string,encryption_status:string,object_lock_retain_until_date:timestamp,"
    "object_lock_mode:string,object_lock_legal_hold_status:string,intelligent_tiering_access_tier:string,"
    "bucket_key_status:string,checksum_algorithm:string,object_access_control_list:string,object_owner:string>"
)
OLD_PARQUET = (
    "message s3.inventory { required binary bucket (UTF8); required binary key (UTF8); optional int64 size; "
    "optional int64 last_modified_date (TIMESTAMP_MILLIS); optional boolean is_latest;}"
)


def changed(**fields: Any) -> bytes:
    return json.dumps(json.loads(NIX) | fields).encode()


def test_a_real_manifest() -> None:
    manifest = parse_manifest(NIX, "m")
    assert (manifest.source_bucket, manifest.destination_bucket) == ("nix-cache", "nix-cache-inventory")
    assert manifest.created == datetime(2025, 6, 2, 1, tzinfo=UTC)
    assert manifest.format == "Parquet"
    assert manifest.columns == {
        "bucket": "string",
        "key": "string",
        "size": "bigint",
        "last_modified_date": "timestamp",
        "e_tag": "string",
        "storage_class": "string",
    }
    assert manifest.files == (
        DataFile(
            "nix-cache/nix-cache-inventory/data/ed88423e-6457-4a45-ad18-6e13b66d076f.parquet",
            176058964,
            "55bf7c536ac7b6de3c79ff4520a0fa7d",
        ),
    )


def test_csv_and_orc_name_the_same_columns_alike() -> None:
    csv = parse_manifest(changed(fileFormat="CSV", fileSchema=ALL), "m")
    orc = parse_manifest(changed(fileFormat="ORC", fileSchema=ALL_ORC), "m")
    assert list(csv.columns.items()) == list(orc.columns.items())


def test_old_parquet_annotations() -> None:
    columns = parse_manifest(changed(fileSchema=OLD_PARQUET), "m").columns
    assert (columns["size"], columns["last_modified_date"], columns["is_latest"]) == ("bigint", "timestamp", "boolean")


def test_columns_that_nobody_knows_yet_keep_their_declared_type() -> None:
    orc = ALL_ORC.replace("key:string", "key:string,moon_phase:bigint,mood:string")
    assert parse_manifest(changed(fileFormat="ORC", fileSchema=orc), "m").columns["moon_phase"] == "bigint"
    assert (
        parse_manifest(changed(fileFormat="CSV", fileSchema="Bucket, Key, MoonPhase"), "m").columns["moon_phase"]
        == "string"
    )


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "m is not what S3 writes"),
        (b"[]", "m is not what S3 writes"),
        (NIX[:200], "m is not what S3 writes"),
        (changed(fileFormat="Avro"), "m: the format is 'Avro', not CSV, ORC or Parquet"),
        (changed(fileSchema="message {"), "names no bucket and key"),
        (changed(fileFormat="CSV", fileSchema="Bucket, Key, Key"), "names no bucket and key, or a column twice"),
        (changed(creationTimestamp="soon"), "m is not what S3 writes"),
        (changed(files=[{"key": "k", "size": 1}]), "m has no 'MD5checksum'"),
        (changed(files=None), "m is not what S3 writes"),
    ],
)
def test_what_s3_does_not_write_is_said(body: bytes, said: str) -> None:
    with pytest.raises(InvalidData, match=said):
        parse_manifest(body, "m")


def test_a_copy_on_disk_is_opened_by_manifest_or_folder(tmp_path: Path) -> None:
    delivery = of_keys(tmp_path, "CSV", ["k"])
    folder = open_delivery(NO_S3, str(Path(delivery.uri).parent))
    assert folder == delivery
    assert (folder.partition, folder.taken) == ("2025-06-02-01-00", datetime(2025, 6, 2, 1, tzinfo=UTC))
    assert folder.bucket is None


def test_a_manifest_that_was_changed_is_refused(tmp_path: Path) -> None:
    manifest = write(tmp_path, "CSV", SCHEMAS["CSV"], [csv_file([])])
    manifest.write_bytes(manifest.read_bytes() + b"\n")
    with pytest.raises(InvalidData, match=r"manifest\.json has the MD5 [0-9a-f]{32}, but manifest\.checksum says"):
        open_delivery(NO_S3, str(manifest))


def test_an_unfinished_delivery_is_refused(tmp_path: Path) -> None:
    manifest = write(tmp_path, "CSV", SCHEMAS["CSV"], [csv_file([])])
    manifest.with_name("manifest.checksum").unlink()
    with pytest.raises(NotFound, match="S3 has not finished the delivery"):
        open_delivery(NO_S3, str(manifest))
    manifest.unlink()
    with pytest.raises(NotFound, match=r"manifest\.json is not there"):
        open_delivery(NO_S3, str(manifest))
