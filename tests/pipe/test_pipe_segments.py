"""Segments: s3pipe2's layout, followed while it grows, joined by S3."""

import hashlib
import json
import random
import signal
import time

import pytest

from brigade.errors import InvalidData
from brigade.pipe.segments import manifest
from brigade.pipe.segments.manifest import SegmentManifest
from brigade.s3.location import Location
from tests.pipe.conftest import MIB, Bucket

DATA = random.Random(8).randbytes(16 * MIB + 3)
SIZE = 6 * MIB


def test_the_layout_is_that_of_s3pipe2(bucket: Bucket) -> None:
    done = bucket.run("to", bucket.uri("p"), "--segments", "--segment-size", "6MiB", stdin=DATA, options=["--json"])
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["segments"] == 3
    assert bucket.keys() == ["p/.manifest", *(f"p/{number:015d}" for number in (1, 2, 3))]
    assert b"".join(bucket.body(key) for key in bucket.keys()[1:]) == DATA
    for number in (0, 1, 2):
        etag = bucket.head(f"p/{number + 1:015d}")["ETag"].strip('"')
        assert etag == hashlib.md5(DATA[number * SIZE : (number + 1) * SIZE]).hexdigest()
    lines = bucket.body("p/.manifest").decode().splitlines()
    assert lines[:4] == ["[s3pipe2]", "version = 0.1", "segment_size = 7", f"segment_bytes = {SIZE}"]
    assert {"completed = true", "num_segments = 3", f"total_size = {len(DATA)}"} <= set(lines)
    assert bucket.run("from", bucket.uri("p")).stdout == DATA


def test_an_upload_of_s3pipe2_is_read(bucket: Bucket) -> None:
    """Its last segment is empty at an exact multiple, and its manifest has no heartbeat."""
    for number, part in enumerate((b"one", b"two", b""), 1):
        bucket.put(part, f"old/{number:015d}")
    text = (
        "[s3pipe2]\nversion = 0.1\nsegment_size = 3\nupload_began = 2015-01-01T00:00:00.1\n"
        "completed = true\nnum_segments = 3\ntotal_size = 6\nupload_ended = 2015-01-01T00:00:01.1\n\n"
    )
    bucket.put(text.encode(), "old/.manifest")
    for options in ([], ["--follow"]):
        assert bucket.run("from", bucket.uri("old"), *options).stdout == b"onetwo"
    bucket.put(text.replace("segment_size = 3\n", "segment_size = 100\n").encode(), "old/.manifest")
    done = bucket.run("from", bucket.uri("old"), "--memory", "128MiB")
    assert (done.returncode, b"two segments of 100000000 bytes need" in done.stderr) == (2, True)


def test_exact_multiples_and_empty_input(bucket: Bucket) -> None:
    bucket.run("to", bucket.uri("even"), "--segments", "--segment-size", "6MiB", stdin=DATA[: 2 * SIZE])
    assert len(bucket.keys()) == 3
    assert bucket.run("from", bucket.uri("even")).stdout == DATA[: 2 * SIZE]
    assert bucket.run("to", bucket.uri("none"), "--segments").returncode == 1
    assert b"is empty" in bucket.run("from", bucket.uri("none")).stderr
    assert bucket.run("to", bucket.uri("empty"), "--segments", "--allow-empty").returncode == 0
    assert bucket.body(f"empty/{1:015d}") == b""
    assert bucket.run("from", bucket.uri("empty")).returncode == 0


def test_readers_follow_a_running_upload(bucket: Bucket) -> None:
    readers = [bucket.start("from", bucket.uri("f"), "--follow") for _ in range(2)]
    writer = bucket.start("to", bucket.uri("f"), "--segments", "--segment-size", "6MiB")
    assert writer.stdin
    writer.stdin.write(DATA[: 13 * MIB])
    writer.stdin.flush()
    assert readers[0].stdout
    assert readers[0].stdout.read(SIZE) == DATA[:SIZE]
    assert writer.poll() is None
    unfinished = bucket.run("from", bucket.uri("f"))
    assert unfinished.returncode == 1
    assert b"--follow" in unfinished.stderr
    _, _ = writer.communicate(DATA[13 * MIB :], timeout=60)
    assert writer.returncode == 0
    got = [reader.communicate(timeout=60)[0] for reader in readers]
    assert [reader.returncode for reader in readers] == [0, 0]
    assert (DATA[:SIZE] + got[0], got[1]) == (DATA, DATA)


def test_a_failed_producer_is_marked_and_ends_the_readers(bucket: Bucket) -> None:
    done = bucket.run(
        "to", bucket.uri("x"), "--segments", "--segment-size", "6MiB", "--", "sh", "-c", "cat; exit 4", stdin=DATA
    )
    assert done.returncode == 4
    told = manifest.read(bucket.client, Location(bucket.name, bucket.key("x")))
    assert told
    assert (told[0].completed, told[0].failed) == (False, "sh exited with status 4; nothing was published")
    reader = bucket.run("from", bucket.uri("x"), "--follow")
    assert reader.returncode == 1
    assert b"sh exited with status 4" in reader.stderr
    joined = bucket.run("join", bucket.uri("x"), bucket.uri("joined"))
    assert (joined.returncode, b"is not completed" in joined.stderr) == (1, True)


def test_a_dead_writer_ends_the_readers_in_the_stated_time(bucket: Bucket) -> None:
    writer = bucket.start("to", bucket.uri("d"), "--segments", "--segment-size", "6MiB")
    assert writer.stdin
    writer.stdin.write(DATA)
    writer.stdin.flush()
    reader = bucket.start("from", bucket.uri("d"), "--follow", "--dead-after", "7s")
    assert reader.stdout
    assert reader.stdout.read(2 * SIZE) == DATA[: 2 * SIZE]
    writer.send_signal(signal.SIGKILL)
    writer.communicate()
    killed = time.monotonic()
    rest, stderr = reader.communicate(timeout=60)
    assert (reader.returncode, rest) == (1, b"")
    assert b"considered dead" in stderr
    assert time.monotonic() - killed < 40


def test_a_path_that_holds_something_is_left_alone(bucket: Bucket) -> None:
    bucket.put(b"mine", "taken/file")
    bucket.put(b"other", "takenlonger/file")
    assert bucket.run("to", bucket.uri("taken"), "--segments", stdin=b"x").returncode == 3
    assert bucket.run("to", bucket.uri("take"), "--segments", stdin=b"x").returncode == 0


def test_join_makes_one_object_of_segments(bucket: Bucket) -> None:
    bucket.run("to", bucket.uri("p"), "--segments", "--segment-size", "6MiB", stdin=DATA)
    done = bucket.run("join", bucket.uri("p"), bucket.uri("joined"), "--no-overwrite", options=["--json"])
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["bytes"] == len(DATA)
    assert bucket.body("joined") == DATA
    assert bucket.uploads() == []
    assert bucket.run("join", bucket.uri("p"), bucket.uri("joined"), "--no-overwrite").returncode == 3
    tried = ["join", "--dry-run", bucket.uri("p")]
    done = bucket.run(*tried, bucket.uri("other"), options=["--json"])
    assert json.loads(done.stdout) == {"object": bucket.uri("other"), "segments": 3, "bytes": len(DATA)}
    assert "other" not in set(bucket.keys())
    assert bucket.run(*tried, bucket.uri("joined"), "--no-overwrite").returncode == 3
    gone = bucket.run("join", "--dry-run", bucket.uri("nothing"), bucket.uri("other"))
    assert (gone.returncode, gone.stdout, b"there are no segments under" in gone.stderr) == (1, b"", True)
    assert bucket.uploads() == []
    assert bucket.run("join", bucket.uri("nothing"), bucket.uri("joined")).returncode == 1


def test_segments_that_do_not_fit_the_memory(bucket: Bucket) -> None:
    done = bucket.run("to", bucket.uri("p"), "--segments", "--memory", "100MiB", stdin=b"x")
    assert (done.returncode, b"--segment-size" in done.stderr) == (2, True)
    assert bucket.keys() == []


def test_a_manifest_that_is_none(bucket: Bucket) -> None:
    path = Location(bucket.name, bucket.key("m"))
    for text in (b"no ini", b"[s3pipe2]\nversion = 0.1\n", b"[other]\na = b\n", b"\xff"):
        bucket.put(text, "m/.manifest")
        with pytest.raises(InvalidData, match=r"/m/\.manifest is not a manifest"):
            manifest.read(bucket.client, path)
    told = SegmentManifest(segment_size=5, began=manifest.now(), segments=2, total=9, failed="a\nb", heartbeat=3)
    bucket.put(told.encode(), "m/.manifest")
    read = manifest.read(bucket.client, path)
    assert read
    assert read[0] == SegmentManifest(**{**vars(told), "failed": "a b"})


def test_memory_of_segments_is_what_is_stated(bucket: Bucket) -> None:
    """Ten segments of 20 MiB: three and 52 MiB to write, two and 56 MiB to read, not two hundred."""
    for ceiling, arguments in (
        (112, ["to", bucket.uri("p"), "--segments", "--segment-size", "20MiB", "--memory", "112MiB"]),
        (96, ["from", bucket.uri("p"), "--memory", "96MiB"]),
    ):
        assert bucket.peak(*arguments, zeros=200 * MIB) < ceiling
