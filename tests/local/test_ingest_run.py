"""Ingests of a real HTTP server into the S3 of the local AWS: published once, whole, resumed, or not at all."""

import gzip
import hashlib
import json
import random
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from brigade.errors import BrigadeError, ConditionLost, InvalidData, RetryLater
from brigade.ingest.checkpoint import Checkpoint, Receipt
from brigade.ingest.outcome import Outcome
from brigade.ingest.run import Run
from brigade.ingest.target import Target
from brigade.state import State
from tests.local.conftest import Emulator
from tests.unit.ingest.api import Answer, Server, api, page, paged, serving, source

MIB = 1024 * 1024
PART = 5 * MIB


@dataclass
class Lake:
    """Two buckets of this test's own."""

    s3: Any
    lake: str = field(default_factory=lambda: f"lake-{uuid.uuid4().hex[:12]}")
    state: str = field(default_factory=lambda: f"state-{uuid.uuid4().hex[:12]}")

    @property
    def target(self) -> Target:
        return Target("numbers", "2026-11-22", self.lake, self.state)

    def run(self, server: Server, *, remaining: Callable[[], float] = lambda: 900.0, **changes: Any) -> Outcome:
        said: list[str] = changes.pop("said", [])
        declared = source(**changes)
        return Run(
            source=declared,
            target=self.target,
            api=api(server, declared, remaining()),
            s3=changes.get("s3", self.s3),
            remaining=remaining,
            say=said.append,
            part_bytes=PART,
        )()

    def body(self) -> bytes:
        body: bytes = self.s3.get_object(Bucket=self.lake, Key=self.target.key)["Body"].read()
        return body

    def rows(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in gzip.decompress(self.body()).splitlines()]

    def keys(self, bucket: str) -> list[str]:
        return [item["Key"] for item in self.s3.list_objects_v2(Bucket=bucket).get("Contents", [])]

    def open_uploads(self) -> list[Any]:
        uploads: list[Any] = self.s3.list_multipart_uploads(Bucket=self.lake).get("Uploads", [])
        return uploads

    def checkpoint(self) -> Checkpoint | None:
        entry = State(self.s3, self.state).get(self.target.checkpoint, Checkpoint)
        return entry.value if entry else None

    def receipt(self) -> Receipt:
        entry = State(self.s3, self.state).get(self.target.receipt, Receipt)
        assert entry
        return entry.value

    def nothing_is_published_or_left(self) -> bool:
        return not self.keys(self.lake) and not self.keys(self.state) and not self.open_uploads()


@pytest.fixture
def lake(emulator: Emulator) -> Iterator[Lake]:
    made = Lake(emulator.root("s3"))
    made.s3.create_bucket(Bucket=made.lake)
    made.s3.create_bucket(Bucket=made.state)
    made.s3.put_bucket_versioning(Bucket=made.lake, VersioningConfiguration={"Status": "Enabled"})
    yield made
    made.s3.close()


def wide(count: int, *, seed: int = 0) -> list[dict[str, Any]]:
    """Records that barely compress, 64 KiB of text each."""
    chance = random.Random(seed)
    return [{"id": f"{seed}-{number}", "noise": chance.randbytes(32 * 1024).hex()} for number in range(count)]


def test_pages_become_one_object_with_every_record_stamped(lake: Lake) -> None:
    pages = [[{"n": 1}, {"n": 2}], [], [{"n": 3}]]
    with serving(paged(pages)) as server:
        outcome = lake.run(server)
    assert (outcome.outcome, outcome.records, outcome.pages) == ("published", 3, 3)
    rows = lake.rows()
    assert [row["n"] for row in rows] == [1, 2, 3]
    assert {row["ingest_date"] for row in rows} == {"2026-11-22"}
    assert {row["ingest_ts"] for row in rows} == {lake.receipt().ingest_ts}
    assert outcome.bytes == len(lake.body())
    assert outcome.sha256 == hashlib.sha256(lake.body()).hexdigest() == lake.receipt().sha256
    assert lake.keys(lake.state) == [lake.target.receipt]


def test_a_second_run_finds_the_object_and_asks_the_api_nothing(lake: Lake) -> None:
    with serving(paged([[{"n": 1}]])) as server:
        first = lake.run(server)
        second = lake.run(server)
    assert second.outcome == "already_published"
    assert (second.sha256, second.records) == (first.sha256, 1)
    assert len(server.queries) == 1


def test_no_records_at_all_are_an_empty_gzip_file(lake: Lake) -> None:
    with serving(paged([[]])) as server:
        assert lake.run(server).records == 0
    assert lake.body()
    assert lake.rows() == []


def test_more_than_a_part_is_uploaded_in_parts_and_leaves_nothing(lake: Lake) -> None:
    pages = [wide(60, seed=number) for number in range(6)]
    with serving(paged(pages)) as server:
        outcome = lake.run(server)
    assert [row["id"] for row in lake.rows()] == [record["id"] for records in pages for record in records]
    assert outcome.sha256 == hashlib.sha256(lake.body()).hexdigest()
    assert "-" in lake.receipt().etag
    assert lake.keys(lake.state) == [lake.target.receipt]
    assert lake.open_uploads() == []
