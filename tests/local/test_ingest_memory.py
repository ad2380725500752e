"""A function of 256 MB ingests what one that joins all pages into a string cannot."""

import json
import uuid

from benchmarks.ingest import api
from benchmarks.ingest_memory import joined, ours
from tests.local.conftest import Emulator

PAGES = 40
"""218 MB of JSON."""


def test_what_kills_the_one_that_joins_is_ingested_in_the_same_memory(emulator: Emulator) -> None:
    environment, bucket = emulator.environment("root"), f"memory-{uuid.uuid4().hex[:8]}"
    emulator.root("s3").create_bucket(Bucket=bucket)
    with api("wide", PAGES) as url:
        killed = joined(256, PAGES, url, environment)
        done = ours(256, PAGES, url, emulator.endpoint, bucket, environment)
    assert (killed.status, killed.said) == (1, "MemoryError")
    assert done.status == 0, done.said
    told = json.loads(done.said)
    assert told["rows"] == PAGES * 165
    assert told["over_idle_mib"] < 48 + 2 * 5.5
