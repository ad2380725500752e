"""Keys of every byte that UTF-8 allows, through a delivery, a manifest, a real function, a report, a retry and back."""

import json
import random
import uuid
from collections.abc import Iterator

import pytest

from tests.local.deployment import Deployment
from tests.local.jobs import finished, reported

ASCII = [chr(code) for code in range(1, 128)]
CONTINUED = [chr(code) for code in range(0x80, 0xC0)]  # each byte that may follow another
FIRST = [bytes([code, 0x80]).decode() for code in range(0xC2, 0xE0)]
LONGER = [chr(code << 12 | 0xABC) for code in range(16) if code != 13] + ["퟿"]  # E0 to EF; ED begins no surrogate
LONGEST = [chr(plane << 18 | 0x10000) for plane in range(4)] + ["\U0010ffff"]  # F0 to F4


def keys_of_every_byte() -> Iterator[str]:
    """The characters in an order of chance, eight a key, and some keys that have broken tools before."""
    characters = [*ASCII, *CONTINUED, *FIRST, *LONGER, *LONGEST]
    random.Random(5).shuffle(characters)
    for start in range(0, len(characters), 8):
        yield "".join(characters[start : start + 8])
    yield from ("a+b c%20d=e,f", '"', "'", "\n", "\r\n", " ", "/", "//x/../y", "%", "%2", "null", "🪣")


def test_they_are_every_byte_that_utf8_allows() -> None:
    found = {byte for key in keys_of_every_byte() for byte in key.encode()}
    assert found == {*range(1, 0x80), *range(0x80, 0xC0), *range(0xC2, 0xF5)}  # S3 takes no 0 in a key


@pytest.mark.parametrize("engine", ["duckdb", "athena"])
def test_each_key_goes_there_and_back_exactly(deployed: Deployment, engine: str) -> None:
    """The objects are gone when the job runs, so that every task fails; they are back for the retry."""
    s3, lake, folder = deployed.emulator.root("s3"), deployed.outputs["LakeBucket"], f"every-{uuid.uuid4().hex[:8]}/"
    keys = {folder + key for key in keys_of_every_byte()}
    for key in keys:
        s3.put_object(Bucket=lake, Key=key, Body=b"x")
    deployed.ask("local", "deliver-inventory", lake)
    for key in keys:
        s3.delete_object(Bucket=lake, Key=key)
    job = finished(deployed, "verify", "--where", f"key LIKE '{folder}%'", "--engine", engine, exits=1)
    failed = reported(deployed, job, "--failed")
    assert failed.keys() == keys
    # The XML of an error that names a key with control characters cannot be read: then its status is all there is.
    assert {row["message"].partition(":")[0] for row in failed.values()} <= {"NoSuchKey", "404"}

    for key in keys:
        s3.put_object(Bucket=lake, Key=key, Body=b"x")
    again = deployed.ask("jobs", "retry", job, "--all", "--yes")
    assert deployed.run("jobs", "watch", again["id"]).returncode == 0
    assert reported(deployed, again["id"]).keys() == keys
    assert lines(deployed, job) == lines(deployed, again["id"])


def lines(deployed: Deployment, job: str) -> list[bytes]:
    """The lines of a job's manifest, sorted."""
    s3, reports = deployed.emulator.root("s3"), deployed.outputs["ReportsBucket"]
    request = json.load(s3.get_object(Bucket=reports, Key=f"manifests/job-{job}/request.json")["Body"])
    key = request["Manifest"]["Location"]["ObjectArn"].partition("/")[2]
    body: bytes = s3.get_object(Bucket=reports, Key=key)["Body"].read()
    return sorted(body.splitlines())
