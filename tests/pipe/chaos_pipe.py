"""Tests too slow for every run (`make chaos-pipe`): kills at random moments, a server that dies and comes back."""

import random
import signal
import time
from typing import Any

from tests.pipe.conftest import MIB, Bucket, Weed

DATA = random.Random(10).randbytes(20 * MIB + 9)


def test_sigkill_at_random_moments_leaves_no_object(bucket: Bucket) -> None:
    moments = random.Random(11)
    for _ in range(20):
        running = bucket.start("to", bucket.uri(), "--", "sh", "-c", "cat; sleep 2")
        assert running.stdin
        running.stdin.write(DATA)
        running.stdin.close()
        running.stdin = None
        time.sleep(moments.uniform(0.1, 1.2))
        running.send_signal(signal.SIGKILL)
        running.communicate()
        assert bucket.keys() == []
    left = len(bucket.uploads())
    listed = bucket.run("uploads", bucket.uri(""), options=["--json"])
    assert len(listed.stdout.splitlines()) == left


def test_a_killed_server_fails_in_one_line_and_one_that_is_back_goes_on(tmp_path: Any, weed: Weed) -> None:
    """The server is killed while parts are going up, and comes back while the command still tries."""
    server = Weed(tmp_path)
    server.start()
    bucket = Bucket(server.endpoint, "pipes", "kill")
    try:
        running = bucket.start("to", bucket.uri(), "--", "sh", "-c", "head -c 9000000; sleep 1; cat")
        assert running.stdin
        running.stdin.write(DATA[: 9 * MIB])
        running.stdin.flush()
        while not bucket.uploads():
            time.sleep(0.05)
        bucket.client.close()
        server.kill()
        _, stderr = running.communicate(DATA[9 * MIB :], timeout=60)
        assert running.returncode == 1
        assert len(stderr.splitlines()) == 1, stderr
        server.start()
        assert bucket.keys() == []
        assert bucket.to(stdin=DATA)["bytes"] == len(DATA)
    finally:
        bucket.client.close()
        server.kill()
