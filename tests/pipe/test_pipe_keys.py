"""Keys that an encoding could change: read, listed and aborted as they are."""

import json

import pytest

from tests.pipe.conftest import Bucket

KEYS = {"p/a b": b"SPACE ", "p/a%20b": b"PERCENT ", "p/a+b": b"PLUS ", "p/\u00e4 \u6771&='": b"MORE"}


def test_each_object_under_a_prefix_is_read_by_its_own_key(bucket: Bucket) -> None:
    for key, body in KEYS.items():
        bucket.put(body, key)
    done = bucket.run("from", "--prefix", bucket.uri("p/"))
    assert (done.returncode, done.stdout) == (0, b"".join(KEYS[key] for key in sorted(KEYS)))


@pytest.mark.parametrize("key", KEYS)
def test_an_upload_is_aborted_by_its_own_key(bucket: Bucket, key: str) -> None:
    for each in KEYS:
        bucket.client.create_multipart_upload(Bucket=bucket.name, Key=bucket.key(each))
    listed = bucket.run("uploads", bucket.uri(key), options=["--json"])
    assert [json.loads(line)["object"] for line in listed.stdout.splitlines()] == [bucket.uri(key)]
    done = bucket.run("uploads", "--abort", "--yes", bucket.uri(key))
    assert done.stderr == b"Aborted 1 uploads.\n"
    left = {upload["Key"].removeprefix(bucket.key("")) for upload in bucket.uploads()}
    assert left == {*KEYS} - {key}
