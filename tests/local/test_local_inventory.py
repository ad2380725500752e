"""Deliveries by the real process, read back through S3's own API."""

import base64
import gzip
import hashlib
import io
import itertools
import json
import subprocess
import urllib.parse
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pyarrow import orc, parquet

from tests.local.conftest import Emulator, run_local
from tests.local.inventories import ACCOUNT, FIELDS, KEYS, Inventory


@pytest.fixture
def inventory(emulator: Emulator) -> Inventory:
    made = Inventory(emulator)
    made.allow()
    return made


def csv_rows(body: bytes) -> list[list[str]]:
    lines = gzip.decompress(body).decode().removesuffix("\n").split("\n")
    assert all(line.startswith('"') and line.endswith('"') for line in lines)
    return [line[1:-1].split('","') for line in lines]


def test_a_delivery_is_laid_out_as_s3_lays_it_out(inventory: Inventory) -> None:
    for key in KEYS:
        inventory.s3.put_object(Bucket=inventory.source, Key=key, Body=key.encode())
    inventory.configure("all")
    before = datetime.now(UTC)
    (delivered,) = inventory.deliver()
    base = f"inventory/{inventory.source}/all"
    stamp = before.replace(minute=0, second=0, microsecond=0)
    folder = f"{base}/{stamp:%Y-%m-%dT%H-00Z}"
    assert delivered == {
        "bucket": inventory.source,
        "id": "all",
        "format": "CSV",
        "delivery": f"s3://{inventory.destination}/{folder}/manifest.json",
        "objects": len(KEYS),
    }
    body = inventory.read(delivered["delivery"])
    manifest = json.loads(body)
    (listed,) = manifest["files"]
    partition = f"{base}/hive/dt={stamp:%Y-%m-%d-%H-00}/symlink.txt"
    assert inventory.written() == sorted(
        [f"{folder}/manifest.checksum", f"{folder}/manifest.json", listed["key"], partition]
    )
    assert body.startswith(f'{{\n  "sourceBucket" : "{inventory.source}",\n'.encode())
    assert manifest["creationTimestamp"] == str(int(stamp.timestamp() * 1000))
    assert listed["key"].startswith(f"{base}/data/")
    assert (
        inventory.read(f"s3://{inventory.destination}/{folder}/manifest.checksum")
        == (hashlib.md5(body).hexdigest() + "\n").encode()
    )
    data = inventory.read(f"s3://{inventory.destination}/{listed['key']}")
    assert (listed["size"], listed["MD5checksum"]) == (len(data), hashlib.md5(data).hexdigest())
    symlink = inventory.read(f"s3://{inventory.destination}/{partition}")
    assert symlink.decode() == f"s3://{inventory.destination}/{listed['key']}\n"
    rows = csv_rows(data)
    assert {urllib.parse.unquote_plus(row[1]) for row in rows} == set(KEYS)
    assert manifest["fileSchema"].split(", ") == ["Bucket", "Key", *ordered(FIELDS)]
    first = dict(zip(manifest["fileSchema"].split(", "), rows[0], strict=True))
    head = inventory.s3.head_object(Bucket=inventory.source, Key=urllib.parse.unquote_plus(first["Key"]))
    assert first["ETag"] == head["ETag"].strip('"')
    assert first["Size"] == str(head["ContentLength"])
    assert first["EncryptionStatus"] == "SSE-S3"
    owner = inventory.s3.list_buckets()["Owner"]["ID"]
    assert first["ObjectOwner"] == owner
    assert base64.b64decode(first["ObjectAccessControlList"]).decode() == (
        '{"version":"2022-11-10","status":"AVAILABLE","grants":'
        f'[{{"permission":"FULL_CONTROL","type":"CanonicalUser","canonicalId":"{owner}"}}]}}'
    )


def ordered(fields: list[str]) -> list[str]:
    """S3's order differs from the order asked for in one place."""
    order = list(fields)
    order.remove("StorageClass")
    order.insert(order.index("ETag") + 1, "StorageClass")
    return order


def test_all_versions_tells_delete_markers_and_null_versions(inventory: Inventory) -> None:
    s3 = inventory.s3
    s3.put_object(Bucket=inventory.source, Key="kept", Body=b"before versioning")
    s3.put_bucket_versioning(Bucket=inventory.source, VersioningConfiguration={"Status": "Enabled"})
    old = s3.put_object(Bucket=inventory.source, Key="gone", Body=b"12345")["VersionId"]
    marker = s3.delete_object(Bucket=inventory.source, Key="gone")["VersionId"]
    s3.put_object(Bucket=inventory.source, Key="other/x", Body=b"not under the prefix")
    some = ["Size", "ETag", "IsMultipartUploaded"]
    for name, versions, prefix in (("all", "All", ""), ("current", "Current", ""), ("some", "All", "go")):
        inventory.configure(name, versions=versions, OptionalFields=some, Filter={"Prefix": prefix})
    found = {}
    for delivered in inventory.deliver():
        (listed,) = json.loads(inventory.read(delivered["delivery"]))["files"]
        found[delivered["id"]] = csv_rows(inventory.read(f"s3://{inventory.destination}/{listed['key']}"))
    source, etag = inventory.source, hashlib.md5(b"12345").hexdigest()
    gone = [
        [source, "gone", marker, "true", "true", "", "", ""],
        [source, "gone", old, "false", "false", "5", etag, "false"],
    ]
    assert found["some"] == gone
    assert found["all"][:2] == gone
    assert found["all"][2][:5] == [source, "kept", "", "true", "false"]
    assert [row[1] for row in found["current"]] == ["kept", "other/x"]


def test_a_row_tells_what_s3_knows_of_the_object(inventory: Inventory) -> None:
    s3, source = inventory.s3, inventory.source
    s3.put_bucket_versioning(Bucket=source, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object_lock_configuration(Bucket=source, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"})
    s3.put_bucket_ownership_controls(Bucket=source, OwnershipControls={"Rules": [{"ObjectOwnership": "ObjectWriter"}]})
    s3.delete_public_access_block(Bucket=source)
    until = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
    s3.put_object(
        Bucket=source,
        Key="locked",
        Body=b"1",
        StorageClass="INTELLIGENT_TIERING",
        ChecksumAlgorithm="SHA256",
        ACL="public-read",
        ObjectLockMode="GOVERNANCE",
        ObjectLockRetainUntilDate=until,
        ObjectLockLegalHoldStatus="ON",
    )
    upload = s3.create_multipart_upload(Bucket=source, Key="parts")["UploadId"]
    part = s3.upload_part(Bucket=source, Key="parts", UploadId=upload, PartNumber=1, Body=b"2")["ETag"]
    whole = {"Parts": [{"PartNumber": 1, "ETag": part}]}
    s3.complete_multipart_upload(Bucket=source, Key="parts", UploadId=upload, MultipartUpload=whole)
    inventory.configure("all")
    (delivered,) = inventory.deliver()
    manifest = json.loads(inventory.read(delivered["delivery"]))
    body = inventory.read(f"s3://{inventory.destination}/{manifest['files'][0]['key']}")
    locked, parts = (dict(zip(manifest["fileSchema"].split(", "), row, strict=True)) for row in csv_rows(body))
    assert locked["StorageClass"] == "INTELLIGENT_TIERING"
    assert locked["IntelligentTieringAccessTier"] == "FREQUENT"
    assert locked["ChecksumAlgorithm"] == "SHA-256"
    assert locked["ObjectLockMode"] == "GOVERNANCE"
    assert locked["ObjectLockRetainUntilDate"] == "2030-01-02T03:04:05.000Z"
    assert locked["ObjectLockLegalHoldStatus"] == "On"
    assert locked["IsMultipartUploaded"] == "false"
    grants = json.loads(base64.b64decode(locked["ObjectAccessControlList"]))["grants"]
    everyone = "http://acs.amazonaws.com/groups/global/AllUsers"
    assert {"uri": everyone, "permission": "READ", "type": "Group"} in grants
    assert parts["IsMultipartUploaded"] == "true"
    assert parts["ETag"].endswith("-1")
    assert parts["ObjectLockMode"] == parts["IntelligentTieringAccessTier"] == ""


@pytest.mark.parametrize(("file_format", "reader"), [("ORC", orc.read_table), ("Parquet", parquet.read_table)])
def test_orc_and_parquet_hold_raw_keys(inventory: Inventory, file_format: str, reader: Any) -> None:
    for key in KEYS:
        inventory.s3.put_object(Bucket=inventory.source, Key=key, Body=b"12345")
    inventory.configure("all", file_format)
    (delivered,) = inventory.deliver()
    manifest = json.loads(inventory.read(delivered["delivery"]))
    assert manifest["fileFormat"] == file_format
    (listed,) = manifest["files"]
    table = reader(io.BytesIO(inventory.read(f"s3://{inventory.destination}/{listed['key']}")))
    assert set(table["key"].to_pylist()) == set(KEYS)
    assert set(table["size"].to_pylist()) == {5}
    assert all(name in manifest["fileSchema"] for name in table.column_names)


def test_a_second_delivery_within_the_hour_leaves_the_first(inventory: Inventory) -> None:
    inventory.s3.put_object(Bucket=inventory.source, Key="k", Body=b"")
    inventory.configure("all")
    stamps = []
    for _ in range(3):
        (delivered,) = inventory.deliver()
        text = Path(delivered["delivery"]).parent.name
        stamps.append(datetime.strptime(text, "%Y-%m-%dT%H-%MZ"))
        inventory.read(delivered["delivery"])
    assert [later - earlier for earlier, later in itertools.pairwise(stamps)] == [timedelta(hours=1)] * 2


def test_an_empty_bucket_is_delivered_without_files(inventory: Inventory) -> None:
    inventory.configure("all")
    (delivered,) = inventory.deliver()
    assert delivered["objects"] == 0
    assert inventory.read(delivered["delivery"]).endswith(b'  "files" : [ ]\n}')


@pytest.mark.parametrize(
    "conditions",
    [
        {"ArnLike": {"aws:SourceArn": "arn:aws:s3:::another"}},
        {"StringEquals": {"aws:SourceAccount": "111122223333"}},
        {"StringEquals": {"s3:x-amz-acl": "private"}},
    ],
)
def test_a_policy_that_does_not_allow_s3_is_an_error_and_nothing_is_written(
    inventory: Inventory, conditions: dict[str, Mapping[str, str]]
) -> None:
    inventory.configure("all")
    inventory.allow(**conditions)
    refused = run_local(inventory.emulator.home, "deliver-inventory", inventory.source, check=False)
    assert told(refused).startswith(
        f"inventory all of bucket {inventory.source}: the policy of bucket {inventory.destination} does not let "
        "s3.amazonaws.com put inventory/"
    )
    assert inventory.written() == []


def test_an_encrypted_destination_needs_the_consent_of_its_key(inventory: Inventory) -> None:
    kms = inventory.emulator.root("kms")
    owner = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
        "Action": "kms:*",
        "Resource": "*",
    }
    key = kms.create_key(Policy=json.dumps({"Version": "2012-10-17", "Statement": [owner]}))["KeyMetadata"]["Arn"]
    default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    inventory.s3.put_bucket_encryption(
        Bucket=inventory.destination,
        ServerSideEncryptionConfiguration={"Rules": [{"ApplyServerSideEncryptionByDefault": default}]},
    )
    inventory.configure("all")
    refused = run_local(inventory.emulator.home, "deliver-inventory", inventory.source, check=False)
    assert told(refused).endswith(f"the policy of key {key} does not let s3.amazonaws.com call kms:GenerateDataKey")
    assert inventory.written() == []
    consent = {
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "kms:GenerateDataKey",
        "Resource": "*",
        "Condition": {
            "StringEquals": {"aws:SourceAccount": ACCOUNT},
            "ArnLike": {"aws:SourceArn": f"arn:aws:s3:::{inventory.source}"},
        },
    }
    policy = {"Version": "2012-10-17", "Statement": [owner, consent]}
    kms.put_key_policy(KeyId=key, PolicyName="default", Policy=json.dumps(policy))
    (delivered,) = inventory.deliver()
    place = urllib.parse.urlsplit(delivered["delivery"])
    head = inventory.s3.head_object(Bucket=place.netloc, Key=place.path[1:])
    assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", key)


def test_no_configuration_no_bucket_no_destination(inventory: Inventory) -> None:
    home = inventory.emulator.home
    none = run_local(home, "deliver-inventory", inventory.source, check=False)
    assert told(none) == (f"bucket {inventory.source} has no enabled inventory configuration; deploy or put one first")
    inventory.configure("off", IsEnabled=False)
    assert told(run_local(home, "deliver-inventory", inventory.source, check=False)) == told(none)
    assert "there is no bucket nowhere" in told(run_local(home, "deliver-inventory", "nowhere", check=False))
    inventory.configure("all")
    inventory.s3.delete_bucket(Bucket=inventory.destination)
    gone = run_local(home, "deliver-inventory", inventory.source, check=False)
    assert told(gone).endswith(f"there is no destination bucket {inventory.destination}")


def test_a_local_aws_that_is_down_is_one_line(tmp_path: Path) -> None:
    assert "does not run" in told(run_local(tmp_path, "deliver-inventory", check=False))


def told(process: "subprocess.CompletedProcess[str]") -> str:
    """The one line of a failed command."""
    assert process.returncode == 1
    assert process.stdout == ""
    (line,) = process.stderr.splitlines()
    return line
