"""The buckets of a stage and the command `brigade ingest` over them."""

import gzip
import json
import os
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests import command
from tests.local.conftest import REPOSITORY, Emulator

RECORDS = 3376


@dataclass
class Place:
    s3: Any
    lake: str
    state: str
    environment: dict[str, str]

    def brigade(self, *arguments: str) -> "subprocess.CompletedProcess[bytes]":
        return command.run_bytes(["--json", "ingest", *arguments], environment=self.environment, folder=REPOSITORY)

    def keys(self, bucket: str) -> list[str]:
        return [item["Key"] for item in self.s3.list_objects_v2(Bucket=bucket).get("Contents", [])]


@contextmanager
def make_place(emulator: Emulator, api: str) -> Iterator[Place]:
    """Two new buckets, and the URL of the API as that of each source."""
    lake, state = f"lake-{uuid.uuid4().hex[:12]}", f"state-{uuid.uuid4().hex[:12]}"
    s3 = emulator.root("s3")
    for bucket in (lake, state):
        s3.create_bucket(Bucket=bucket)
    named = {"BRIGADE_LAKE_BUCKET": lake, "BRIGADE_STATE_BUCKET": state, "BRIGADE_BASE_URL": api}
    yield Place(s3, lake, state, {**os.environ, **emulator.environment("root"), **named})
    s3.close()


def rows(packed: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in gzip.decompress(packed).splitlines()]
