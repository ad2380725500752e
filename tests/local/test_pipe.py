"""Pipes on the local AWS: parts, the checksum of the whole, and what IAM says."""

import json
import os
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest

from brigade.errors import BrigadeError
from brigade.pipe import open_read, open_write, writer
from brigade.pipe.attributes import SseCustomerClient
from brigade.s3 import staged_upload
from tests.local.conftest import Emulator

BRIGADE = Path(sys.executable).with_name("brigade")
DATA = os.urandom(9 * 2**20)


@pytest.mark.parametrize("size", [0, 10, len(DATA)])
def test_a_pipe_goes_there_and_back(emulator: Emulator, size: int) -> None:
    s3 = emulator.root("s3")
    bucket = f"pipe-{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=bucket)
    environment = emulator.environment("root")
    uri = f"s3://{bucket}/a b+é/k"
    to: list[Path | str] = [BRIGADE, "pipe", "to", uri, "--allow-empty", "--no-overwrite"]
    done = subprocess.run(to, input=DATA[:size], env=environment, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    back = subprocess.run([BRIGADE, "pipe", "from", uri], env=environment, capture_output=True, check=False)
    assert (back.returncode, back.stderr) == (0, b"")
    assert back.stdout == DATA[:size]
    found = s3.head_object(Bucket=bucket, Key="a b+é/k", ChecksumMode="ENABLED")
    assert found["ChecksumCRC64NVME"] in done.stderr.decode()
    assert found["ChecksumType"] == "FULL_OBJECT"
    assert subprocess.run(to, input=b"x", env=environment, capture_output=True, check=False).returncode == 3
    s3.close()


OPTIONS = (
    "--content-type text/x-sql --content-encoding br --content-disposition inline --content-language de "
    "--cache-control max-age=5 --expires 2030-01-31T00:00:00Z --metadata a=b "
    "--storage-class STANDARD_IA --acl bucket-owner-full-control --sse aws:kms --sse-kms-key {key}"
)


def test_what_an_object_carries_by_one_put_and_by_parts(emulator: Emulator) -> None:
    s3 = emulator.root("s3")
    bucket = f"pipe-{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=bucket)
    kms = emulator.root("kms")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    kms.close()
    options = OPTIONS.format(key=key).split()
    for name, data in (("put", DATA[:10]), ("parts", DATA)):
        command: list[Path | str] = [BRIGADE, "pipe", "to", f"s3://{bucket}/{name}", *options]
        done = subprocess.run(command, input=data, env=emulator.environment("root"), capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
        found = s3.head_object(Bucket=bucket, Key=name)
        carried = ("ContentType", "ContentEncoding", "ContentDisposition", "ContentLanguage", "CacheControl")
        assert [found[each] for each in carried] == ["text/x-sql", "br", "inline", "de", "max-age=5"], name
        assert found["Expires"].isoformat() == "2030-01-31T00:00:00+00:00"
        assert found["Metadata"]["a"] == "b"
        assert (found["StorageClass"], found["ServerSideEncryption"]) == ("STANDARD_IA", "aws:kms")
        assert found["SSEKMSKeyId"] == key
    s3.close()


def test_who_may_read_is_said_when_it_is_written(emulator: Emulator) -> None:
    """By one PutObject and by parts alike, and nobody else where it is not said."""
    s3 = emulator.root("s3")
    bucket = f"pipe-{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=bucket, ObjectOwnership="ObjectWriter")
    s3.delete_public_access_block(Bucket=bucket)
    everybody: dict[str, list[str]] = {}
    for name, data, options in (
        ("own", DATA, []),
        ("put", DATA[:10], ["--acl", "public-read"]),
        ("parts", DATA, ["--acl", "public-read"]),
    ):
        command: list[Path | str] = [BRIGADE, "pipe", "to", f"s3://{bucket}/{name}", *options]
        done = subprocess.run(command, input=data, env=emulator.environment("root"), capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
        grants = s3.get_object_acl(Bucket=bucket, Key=name)["Grants"]
        everybody[name] = [each["Permission"] for each in grants if "AllUsers" in each["Grantee"].get("URI", "")]
    s3.close()
    assert everybody == {"own": [], "put": ["READ"], "parts": ["READ"]}


def test_stages_of_a_key_of_ones_own(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """The key goes with every piece, and with the copy twice: to read the stage with, and to write the part with."""
    monkeypatch.setattr(writer, "_DIRECT", 1)
    monkeypatch.setattr(staged_upload, "LARGEST_PART", 10 * 2**20)
    monkeypatch.setattr(writer.GrowingWriter, "_largest", property(lambda _: 5 * 2**20))
    s3 = emulator.root("s3")
    bucket = f"pipe-{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=bucket)
    own: Any = SseCustomerClient(s3, {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": bytes(range(32))})
    with open_write(own, f"s3://{bucket}/k") as file:
        file.write(DATA * 3)
    with open_read(own, f"s3://{bucket}/k") as back:
        assert back.read() == DATA * 3
    other = SseCustomerClient(s3, {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": bytes(32)})
    for client in (s3, other):
        with pytest.raises(BrigadeError):
            open_read(client, f"s3://{bucket}/k")
    assert [each["Key"] for each in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["k"]
    s3.close()


def test_an_old_version_is_read(emulator: Emulator) -> None:
    s3 = emulator.root("s3")
    bucket = f"pipe-{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=bucket)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    environment = emulator.environment("root")
    versions = []
    for data in (DATA, b"second"):
        to: list[Path | str] = [BRIGADE, "--json", "pipe", "to", f"s3://{bucket}/k"]
        told = subprocess.run(to, input=data, env=environment, capture_output=True, check=True).stdout
        versions.append(json.loads(told)["version_id"])
    for version, data in zip(versions, (DATA, b"second"), strict=True):
        back: list[Path | str] = [BRIGADE, "pipe", "from", f"s3://{bucket}/k", "--version-id", version]
        assert subprocess.run(back, env=environment, capture_output=True, check=True).stdout == data
    s3.close()
