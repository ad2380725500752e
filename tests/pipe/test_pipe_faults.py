"""Between the command and the server: 500 and 503, resets, slow and truncated and wrong bytes, lost replies, a kill."""

import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.pipe.conftest import MIB, Bucket, Faults
from tests.pipe.cutting import cutting

DATA = random.Random(10).randbytes(20 * MIB + 9)

Faulty = tuple[Bucket, Faults]


# microburst knows a part and its end by what only they carry.
PART = {"headers": {"x-amz-checksum-crc64nvme": "", "content-length": "8388608"}}
CREATE = {"headers": {"x-amz-checksum-algorithm": ""}}
COMPLETE = {"headers": {"x-amz-mp-object-size": ""}}
WHICH = (CREATE, PART, COMPLETE)


@pytest.mark.parametrize(
    ("which", "fault", "times"),
    [
        (PART, {"error": {"code": "InternalError", "status": 500}}, 2),
        (PART, {"error": {"code": "SlowDown", "status": 503}}, 3),
        (PART, {"request": {"cut_upload": {"after_bytes": MIB}}}, 2),
        (PART, {"request": {"slow_upload": {"rate_kbps": 64_000}}}, 1),
        (PART, {"reset": True}, 2),
        (PART, {"response": {"abort_bytes": 0}}, 2),
        (CREATE, {"error": {"code": "InternalError", "status": 500}}, 2),
        (COMPLETE, {"error": {"code": "InternalError", "status": 500}}, 2),
    ],
)
def test_an_upload_gets_over_it(faulty: Faulty, which: dict[str, Any], fault: dict[str, Any], times: int) -> None:
    bucket, faults = faulty
    faults.set({**which, **fault, "times": times})
    bucket.to("--no-overwrite", stdin=DATA)
    assert faults.fired() == times
    assert bucket.body() == DATA
    assert bucket.uploads() == []


def test_a_lost_reply_of_complete_is_settled(bucket: Bucket) -> None:
    """The next try finds the upload gone, or its own object in the way; the token says whose it is."""
    with cutting(bucket.endpoint, "lost") as proxy:
        Bucket(proxy.endpoint, bucket.name, bucket.folder).to("--no-overwrite", stdin=DATA)
        assert proxy.faults == []
    assert bucket.body() == DATA
    assert bucket.uploads() == []


@pytest.mark.parametrize("fault", ["500", "503", "reset", "cut", "slow"])
def test_a_download_gets_over_it(bucket: Bucket, fault: str) -> None:
    bucket.to(stdin=DATA)
    with cutting(bucket.endpoint, fault, fault, fault) as proxy:
        done = Bucket(proxy.endpoint, bucket.name, bucket.folder).run("from", bucket.uri())
        assert proxy.faults == []
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == DATA
    again = [start for start in proxy.ranges if start % (8 * MIB)]  # where a range stopped that was broken off
    assert (len(again), all(start % (8 * MIB) > 900_000 for start in again)) == (3 if fault == "cut" else 0, True)


@pytest.mark.parametrize("span", [[], ["--length", "8MiB"], ["--tail", "1MiB"]])
@pytest.mark.parametrize("first", [[], ["--verify-first"]])
def test_wrong_bytes_on_the_way_are_caught(bucket: Bucket, first: list[str], span: list[str]) -> None:
    bucket.to(stdin=DATA)
    with cutting(bucket.endpoint, "wrong") as proxy:
        done = Bucket(proxy.endpoint, bucket.name, bucket.folder).run("from", bucket.uri(), *first, *span)
    assert done.returncode == 1
    assert b"differ from the bytes that S3 received" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert len(done.stdout) <= (0 if first else 16 * MIB)  # the last block is withheld: who reads on sees a stream cut


def test_wrong_bytes_on_the_way_up_are_refused_by_s3_and_sent_again_or_not_published(bucket: Bucket) -> None:
    with cutting(bucket.endpoint, *["up"] * 50) as proxy:
        done = Bucket(proxy.endpoint, bucket.name, bucket.folder).run("to", bucket.uri(), stdin=DATA)
        assert len(proxy.faults) < 50
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert (bucket.keys(), bucket.uploads()) == ([], [])


@pytest.mark.parametrize(
    ("which", "fault", "told"),
    [
        *((which, {"error": {"code": "AccessDenied", "status": 403}}, b"not allowed to") for which in WHICH),
        *((which, {"error": {"code": "SlowDown", "status": 503}}, b"try again later") for which in (CREATE, PART)),
        (COMPLETE, {"error": {"code": "InternalError", "status": 500}}, b"may be published or not"),
        (PART, {"reset": True}, b"try again later"),
        (PART, {"request": {"cut_upload": {"after_bytes": MIB}}}, b"try again later"),
    ],
)
def test_a_fault_that_stays_is_one_line_and_publishes_nothing(
    faulty: Faulty, which: dict[str, Any], fault: dict[str, Any], told: bytes
) -> None:
    bucket, faults = faulty
    faults.set({**which, **fault})
    done = bucket.run("to", bucket.uri(), stdin=DATA)
    faults.set()
    assert done.returncode == 1
    assert told in done.stderr, done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert bucket.keys() == []
    assert bucket.uploads() == []


@pytest.mark.parametrize("fault", ["500", "reset", "403"])
def test_a_download_whose_fault_stays_is_one_line(bucket: Bucket, fault: str) -> None:
    bucket.to(stdin=DATA[:MIB])
    with cutting(bucket.endpoint, *[fault] * 200) as proxy:
        done = Bucket(proxy.endpoint, bucket.name, bucket.folder).run("from", bucket.uri())
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, b"", 1), done.stderr


@pytest.mark.parametrize("arguments", [["to"], ["to", "--segments"], ["from"], ["uploads"]])
def test_a_server_that_is_not_there_is_one_line(bucket: Bucket, arguments: list[str]) -> None:
    gone = Bucket("http://127.0.0.1:9", bucket.name, bucket.folder)
    done = gone.run(arguments[0], gone.uri(), *arguments[1:], stdin=b"x")
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, b"", 1), done.stderr


def test_keys_that_expire_while_reading_are_read_again(bucket: Bucket, tmp_path: Any) -> None:
    bucket.to(stdin=DATA)
    shared = tmp_path / "credentials"
    shared.write_text("[default]\naws_access_key_id = key\naws_secret_access_key = secretsecret\n")
    given: dict[str, Any] = {
        "AWS_ACCESS_KEY_ID": "",
        "AWS_SECRET_ACCESS_KEY": "",
        "AWS_SHARED_CREDENTIALS_FILE": str(shared),
    }
    with cutting(bucket.endpoint, "expired", "expired") as proxy:
        done = Bucket(proxy.endpoint, bucket.name, bucket.folder).run("from", bucket.uri(), **given)
        assert proxy.faults == []
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == DATA


def test_keys_that_expire_midway_are_read_again(faulty: Faulty, tmp_path: Any) -> None:
    """Another program has written new ones into AWS's file meanwhile, as sign-on tools do."""
    bucket, faults = faulty
    secret = "aws_access_key_id = {}\naws_secret_access_key = secretsecret\n"
    shared = tmp_path / "credentials"
    shared.write_text(f"[default]\n{secret.format('key')}")
    faults.set({**PART, "error": {"code": "ExpiredToken", "status": 400}, "times": 1})
    done = bucket.run(
        "to",
        bucket.uri(),
        stdin=DATA,
        AWS_ACCESS_KEY_ID="",
        AWS_SECRET_ACCESS_KEY="",
        AWS_SHARED_CREDENTIALS_FILE=str(shared),
    )
    assert done.returncode == 0, done.stderr
    assert faults.fired() == 1
    assert bucket.body() == DATA


def test_credentials_of_a_program_that_expire_soon_are_fetched_again(bucket: Bucket, tmp_path: Any) -> None:
    """botocore's chain renews what has less than ten minutes to live: here, before each request."""
    program, tries = tmp_path / "sign-on", tmp_path / "tries"
    answer = {
        "Version": 1,
        "AccessKeyId": "key",
        "SecretAccessKey": "secretsecret",
        "Expiration": (datetime.now(UTC) + timedelta(minutes=5)).isoformat(),
    }
    program.write_text(f"#!/bin/sh\necho >> {tries}\necho '{json.dumps(answer)}'\n")
    program.chmod(0o755)
    config = tmp_path / "config"
    config.write_text(f"[default]\nregion = us-east-1\ncredential_process = {program}\n")
    given: dict[str, Any] = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_CONFIG_FILE": str(config)}
    done = bucket.run("to", bucket.uri(), stdin=DATA, **given)
    assert done.returncode == 0, done.stderr
    assert bucket.body() == DATA
    assert len(tries.read_text()) > 3


def test_what_only_boto3_follows_goes_by_boto3(bucket: Bucket, tmp_path: Any) -> None:
    """A profile's own ``s3`` section: the same promises, by the other client."""
    config = tmp_path / "config"
    config.write_text("[default]\ns3 =\n  addressing_style = path\n")
    given: dict[str, Any] = {"AWS_CONFIG_FILE": str(config)}
    done = bucket.run("to", bucket.uri(), "--no-overwrite", "--tag", "a=b", stdin=DATA, **given)
    assert done.returncode == 0, done.stderr
    assert bucket.head()["ChecksumCRC64NVME"] in done.stderr.decode()
    for options in ([], ["--verify-first"]):
        assert bucket.run("from", bucket.uri(), *options, **given).stdout == DATA
    assert bucket.run("to", bucket.uri(), "--no-overwrite", stdin=DATA, **given).returncode == 3
    assert bucket.run("to", bucket.uri("f"), "--", "sh", "-c", "cat; exit 5", stdin=DATA, **given).returncode == 5
    assert (bucket.keys(), bucket.uploads()) == (["k"], [])
    with cutting(bucket.endpoint, "wrong") as proxy:
        wrong = Bucket(proxy.endpoint, bucket.name, bucket.folder).run("from", bucket.uri(), **given)
    assert (wrong.returncode, b"differ from the bytes that S3 received" in wrong.stderr) == (1, True)
