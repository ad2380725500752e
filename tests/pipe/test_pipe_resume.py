"""``--resume``: what is durable stays, and is proved to be of the same stream; and what is left over is cleared."""

import json
import random
import signal
import time
from contextlib import suppress

import pytest

from tests.pipe.conftest import MIB, Bucket

DATA = random.Random(9).randbytes(45 * MIB + 5)


def begin(bucket: Bucket, *options: str, ending: signal.Signals = signal.SIGKILL, sent: int = 35 * MIB) -> None:
    """Send a part of the stream, wait until the state names parts, and end the process."""
    running = bucket.start("to", bucket.uri(), "--resume", "n", "--state", bucket.uri("state"), *options)
    assert running.stdin
    running.stdin.write(DATA[:sent])
    running.stdin.flush()
    deadline = time.monotonic() + 60
    while sum(part["Size"] for part in parts(bucket)) < sent // (8 * MIB) * 8 * MIB:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    if ending == signal.SIGKILL:  # SIGTERM saves by itself; the save of every two seconds needs a further part
        time.sleep(2.1)
        running.stdin.write(DATA[sent : sent + 8 * MIB])
        running.stdin.flush()
        while not json.loads(bucket.body("state/n.json"))["parts"]:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    running.send_signal(ending)
    running.communicate()


def parts(bucket: Bucket) -> list[dict[str, int]]:
    uploads = bucket.uploads()
    if not uploads:
        return []
    listed = bucket.client.list_parts(Bucket=bucket.name, Key=bucket.key(), UploadId=uploads[0]["UploadId"])
    found: list[dict[str, int]] = listed["Parts"]
    return found


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_run_is_taken_up(bucket: Bucket, ending: signal.Signals) -> None:
    begin(bucket, ending=ending)
    assert bucket.keys() == ["state/n.json"]
    before = {part["PartNumber"]: part["LastModified"] for part in parts(bucket)}
    assert len(before) >= 4
    result = bucket.to("--resume", "n", "--state", bucket.uri("state"), stdin=DATA)
    assert result["bytes"] == len(DATA)
    assert bucket.body() == DATA
    assert bucket.uploads() == []
    assert bucket.keys() == ["k"]


def test_killed_at_random_moments_it_goes_on_and_ends(bucket: Bucket) -> None:
    """A sample of ``make chaos-pipe``: whenever it is killed there is no object, and the last run makes it whole."""
    moments = random.Random(13)
    for _ in range(5):
        running = bucket.start("to", bucket.uri(), "--resume", "n", "--state", bucket.uri("state"))
        assert running.stdin
        with suppress(BrokenPipeError):
            running.stdin.write(DATA[: moments.randrange(len(DATA))])
            running.stdin.flush()
        time.sleep(moments.uniform(0.0, 0.4))
        running.send_signal(signal.SIGKILL)
        running.communicate()
        assert set(bucket.keys()) <= {"state/n.json"}
    left = bucket.uploads()
    listed = bucket.run("uploads", bucket.uri(""), options=["--json"]).stdout.splitlines()
    assert sorted(json.loads(line)["upload"] for line in listed) == sorted(each["UploadId"] for each in left)
    bucket.to("--resume", "n", "--state", bucket.uri("state"), stdin=DATA)
    assert bucket.body() == DATA
    assert bucket.keys() == ["k"]


def test_parts_that_are_up_are_not_sent_again(bucket: Bucket) -> None:
    begin(bucket, ending=signal.SIGTERM)
    before = {part["PartNumber"]: part["LastModified"] for part in parts(bucket)}
    time.sleep(1.1)
    begin(bucket, ending=signal.SIGTERM, sent=43 * MIB)
    after = {part["PartNumber"]: part["LastModified"] for part in parts(bucket)}
    assert len(after) == 5
    assert {number: after[number] for number in before} == before


def test_another_stream_is_refused(bucket: Bucket) -> None:
    begin(bucket, ending=signal.SIGTERM)
    done = bucket.run("to", bucket.uri(), "--resume", "n", "--state", bucket.uri("state"), stdin=b"x" + DATA[1:])
    assert done.returncode == 1
    assert b"differs from the earlier run" in done.stderr
    assert bucket.keys() == ["state/n.json"]
    elsewhere = bucket.run("to", bucket.uri("o"), "--resume", "n", "--state", bucket.uri("state"), stdin=DATA)
    assert (elsewhere.returncode, b"use another name" in elsewhere.stderr) == (1, True)


def test_an_upload_that_a_rule_has_cleared_is_begun_anew(bucket: Bucket) -> None:
    begin(bucket, ending=signal.SIGTERM)
    upload = bucket.uploads()[0]["UploadId"]
    bucket.client.abort_multipart_upload(Bucket=bucket.name, Key=bucket.key(), UploadId=upload)
    bucket.to("--resume", "n", "--state", bucket.uri("state"), stdin=DATA)
    assert bucket.body() == DATA
    assert bucket.keys() == ["k"]


def test_two_runs_of_one_name_do_not_mix(bucket: Bucket) -> None:
    runs = [bucket.start("to", bucket.uri(), "--resume", "n", "--state", bucket.uri("state")) for _ in range(2)]
    for run in runs:
        assert run.stdin
        with suppress(BrokenPipeError):  # the one that lost has gone
            run.stdin.write(DATA[: 20 * MIB])
            run.stdin.flush()
    time.sleep(1.5)
    for run in runs:
        with suppress(BrokenPipeError):
            run.communicate(DATA[20 * MIB :], timeout=60)
        run.communicate(timeout=60)
    assert sorted(run.returncode for run in runs) == [0, 3]
    assert bucket.body() == DATA


def test_left_uploads_are_listed_and_aborted(bucket: Bucket) -> None:
    begin(bucket, ending=signal.SIGTERM)
    listed = bucket.run("uploads", bucket.uri(""), options=["--json"])
    row = json.loads(listed.stdout)
    assert (row["object"], row["parts"], row["bytes"]) == (bucket.uri(), 4, 32 * MIB)
    assert row["dollars_a_month"] == pytest.approx(32 / 1024 * 0.023, abs=1e-4)
    assert bucket.run("uploads", bucket.uri(""), "--abort", "--older-than", "1d", "--yes").returncode == 0
    assert bucket.run("uploads", bucket.uri(""), "--abort").returncode == 2  # nobody to ask
    assert bucket.run("uploads", bucket.uri(""), "--abort", "--dry-run").returncode == 0
    assert len(bucket.uploads()) == 1
    assert bucket.run("uploads", bucket.uri(""), "--abort", "--yes").returncode == 0
    assert bucket.uploads() == []


@pytest.mark.parametrize("size", [3, 16 * MIB])
def test_a_stream_that_is_shorter_than_it_was_is_refused(bucket: Bucket, size: int) -> None:
    """Less than one part, and an end where a part ends: what the earlier run sent more is not left away in silence."""
    begin(bucket, ending=signal.SIGTERM)
    done = bucket.run("to", bucket.uri(), "--resume", "n", "--state", bucket.uri("state"), stdin=DATA[:size])
    assert done.returncode == 1
    assert b"the stream is shorter than in the earlier run" in done.stderr
    assert bucket.keys() == ["state/n.json"]
    bucket.to("--resume", "n", "--state", bucket.uri("state"), stdin=DATA)
    assert bucket.body() == DATA


def test_an_upload_that_needed_no_part_is_cleared(bucket: Bucket) -> None:
    """A run that was killed before its first part was up has left an upload, and the next one needs none."""
    begin(bucket, ending=signal.SIGTERM)
    state = json.loads(bucket.body("state/n.json"))
    bucket.put(json.dumps({**state, "parts": {}, "digests": {}}).encode(), "state/n.json")
    bucket.to("--resume", "n", "--state", bucket.uri("state"), stdin=b"short")
    assert (bucket.body(), bucket.keys(), bucket.uploads()) == (b"short", ["k"], [])
