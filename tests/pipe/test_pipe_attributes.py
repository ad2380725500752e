"""Attributes of an object besides its bytes, and the compression and encryption of its bytes."""

import base64
import gzip
import random
from pathlib import Path

import boto3
import pytest
from backports import zstd

from tests.pipe.conftest import MIB, Bucket

LARGE = random.Random(6).randbytes(17 * MIB + 11)


def test_what_the_object_carries(bucket: Bucket) -> None:
    options = (
        "--metadata a=b --metadata c=d=e --tag x=1 --tag y=2+3 --cache-control max-age=5 --content-disposition inline "
        "--content-language de --storage-class STANDARD_IA --expires 2030-01-31T00:00:00Z"
    )
    call = boto3.client("s3", endpoint_url=bucket.endpoint)
    for data in (b"{}", LARGE):
        bucket.to(*options.split(), stdin=data, key="dir/data.json")
        found = bucket.head("dir/data.json")
        assert found["ContentType"] == "application/json"
        assert found["CacheControl"] == "max-age=5"
        assert found["Metadata"] | {"a": "b", "c": "d=e"} == found["Metadata"]
        assert found["StorageClass"] == "STANDARD_IA"
        tags = call.get_object_tagging(Bucket=bucket.name, Key=bucket.key("dir/data.json"))["TagSet"]
        assert sorted((tag["Key"], tag["Value"]) for tag in tags) == [("x", "1"), ("y", "2+3")]
    call.close()


@pytest.mark.parametrize(
    ("option", "key", "content", "encoding"),
    [
        ("--gzip", "a.sql.gz", "application/gzip", None),
        ("--gzip", "a.json", "application/json", "gzip"),
        ("--zstd", "a.zst", "application/zstd", None),
        ("--zstd", "a.txt", "text/plain", "zstd"),
    ],
)
def test_compression(bucket: Bucket, option: str, key: str, content: str, encoding: str | None) -> None:
    text = b"".join(b'{"row": %d}\n' % number for number in range(400_000)) + LARGE
    result = bucket.to(option, stdin=text, key=key)
    packed = bucket.body(key)
    assert (gzip.decompress(packed) if option == "--gzip" else zstd.decompress(packed)) == text
    assert (result["bytes"], result["input_bytes"]) == (len(packed), len(text))
    found = bucket.head(key)
    assert (found["ContentType"], found.get("ContentEncoding")) == (content, encoding)
    assert bucket.run("from", bucket.uri(key), "--decompress").stdout == text


@pytest.mark.parametrize(("option", "low", "high"), [("--gzip", "0", "3"), ("--zstd", "1", "19")])
def test_a_level_is_how_small_it_gets(bucket: Bucket, option: str, low: str, high: str) -> None:
    text = b"".join(b'{"row": %d, "square": %d}\n' % (number, number * number) for number in range(40_000))
    sizes = [bucket.to(option, "--level", level, stdin=text)["bytes"] for level in (low, high)]
    assert sizes[1] < sizes[0]
    assert bucket.run("from", bucket.uri(), "--decompress").stdout == text


def test_a_compressed_stream_of_a_failed_producer_is_not_published(bucket: Bucket) -> None:
    for option in ("--gzip", "--zstd"):
        done = bucket.run("to", bucket.uri(), option, "--", "sh", "-c", "cat; exit 9", stdin=LARGE)
        assert (done.returncode, len(done.stderr.splitlines())) == (9, 1), done.stderr
        assert bucket.keys() == []
        assert bucket.uploads() == []


@pytest.mark.parametrize("size", [10, len(LARGE)])
def test_a_key_of_ones_own_is_needed_to_read_what_it_encrypts(bucket: Bucket, size: int, tmp_path: Path) -> None:
    """By a server that encrypts indeed, to which the key goes with every part, and each range."""
    key = tmp_path / "key"
    key.write_text(base64.b64encode(bytes(range(32))).decode())
    bucket.to("--sse-c-key", f"@{key}", stdin=LARGE[:size])
    back = bucket.run("from", bucket.uri(), "--sse-c-key", f"@{key}")
    assert (back.returncode, back.stderr) == (0, b"")
    assert back.stdout == LARGE[:size]
    assert bucket.run("from", bucket.uri()).returncode == 1
    other = base64.b64encode(bytes(32)).decode()
    assert bucket.run("from", bucket.uri(), "--sse-c-key", other).returncode == 1


def test_a_lock_is_on_the_object_from_its_first_moment(bucket: Bucket) -> None:
    call = boto3.client("s3", endpoint_url=bucket.endpoint)
    call.create_bucket(Bucket="locked", ObjectLockEnabledForBucket=True)
    options = ["--lock-mode", "GOVERNANCE", "--lock-until", "2030-02-28T00:00:00Z", "--legal-hold"]
    for key, data in (("put", b"x"), ("parts", LARGE)):
        done = bucket.run("to", f"s3://locked/{key}", *options, stdin=data)
        assert done.returncode == 0, done.stderr
        kept = call.get_object_retention(Bucket="locked", Key=key)["Retention"]
        assert (kept["Mode"], kept["RetainUntilDate"].isoformat()[:10]) == ("GOVERNANCE", "2030-02-28")
        assert call.get_object_legal_hold(Bucket="locked", Key=key)["LegalHold"]["Status"] == "ON"
    call.close()


@pytest.mark.parametrize("data", [b"x", LARGE])
def test_what_s3_encrypts_by_its_own_key(bucket: Bucket, data: bytes) -> None:
    bucket.to("--sse", "AES256", stdin=data)
    assert bucket.head()["ServerSideEncryption"] == "AES256"
    assert bucket.run("from", bucket.uri()).stdout == data
