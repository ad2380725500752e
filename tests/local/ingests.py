"""A lake of a test's own, and records to fill it."""

import contextlib
import gzip
import json
import random
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from brigade.ingest.declare.target import Target
from brigade.ingest.run import Run
from brigade.ingest.state.checkpoint import Checkpoint
from brigade.ingest.state.receipt import Receipt
from brigade.ingest.state.run_result import RunResult
from brigade.state import State
from tests.unit.ingest.api import Server, api, source

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

    def run(self, server: Server, *, remaining: Callable[[], float] = lambda: 900.0, **changes: Any) -> RunResult:
        said: list[str] = changes.pop("said", [])
        s3 = changes.pop("s3", self.s3)
        how = {name: changes.pop(name) for name in ("replace", "holder") if name in changes}
        declared = source(**changes)
        return Run(
            source=declared,
            target=Target.of(declared, "numbers", "2026-11-22", self.lake, self.state),
            api=api(server, declared, remaining()),
            s3=s3,
            remaining=remaining,
            say=said.append,
            part_bytes=PART,
            **how,
        )()

    def body(self) -> bytes:
        body: bytes = self.s3.get_object(Bucket=self.lake, Key=self.target.key)["Body"].read()
        return body

    def rows(self) -> list[dict[str, Any]]:
        return self.rows_of(self.target.key)

    def rows_of(self, key: str) -> list[dict[str, Any]]:
        packed = self.s3.get_object(Bucket=self.lake, Key=key)["Body"].read()
        return [json.loads(line) for line in gzip.decompress(packed).splitlines()]

    def set_aside(self) -> list[dict[str, Any]]:
        packed = self.s3.get_object(Bucket=self.state, Key=self.target.quarantine)["Body"].read()
        return [json.loads(line) for line in gzip.decompress(packed).splitlines()]

    def metadata(self, key: str) -> dict[str, str]:
        found: dict[str, str] = self.s3.head_object(Bucket=self.lake, Key=key)["Metadata"]
        return found

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


@contextlib.contextmanager
def lake_of(s3: Any) -> Iterator[Lake]:
    made = Lake(s3)
    s3.create_bucket(Bucket=made.lake)
    s3.create_bucket(Bucket=made.state)
    s3.put_bucket_versioning(Bucket=made.lake, VersioningConfiguration={"Status": "Enabled"})
    yield made
    s3.close()


def wide(count: int, *, seed: int = 0) -> list[dict[str, Any]]:
    """Records that barely compress, 64 KiB of text each."""
    chance = random.Random(seed)
    return [{"id": f"{seed}-{number}", "noise": chance.randbytes(32 * 1024).hex()} for number in range(count)]
