"""Faults between the engine and S3, made by a proxy: each is got over, and one that stays publishes nothing."""

import json
import os
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from botocore.config import Config

from brigade.errors import BrigadeError, RetryLater
from tests.local.conftest import REPOSITORY, Emulator, free_port
from tests.local.ingests import Lake, lake_of, wide
from tests.unit.ingest.api import paged, serving

# What only these calls carry, by which the proxy knows them.
PART = {"headers": {"x-amz-checksum-crc32": ""}}
CREATE = {"headers": {"x-amz-checksum-algorithm": ""}}
PUBLISH = {"headers": {"if-none-match": "*"}, "resource": "lake-"}
TAKE = {"headers": {"if-none-match": "*"}, "resource": "state-"}
SAVE = {"headers": {"if-match": ""}, "resource": "state-"}


@dataclass
class Proxy:
    endpoint: str

    def rules(self, *rules: dict[str, Any]) -> Any:
        body = json.dumps([{"service": "s3", **rule} for rule in rules]).encode() if rules else None
        with urllib.request.urlopen(f"{self.endpoint}/_microburst/rules", data=body, timeout=10) as answer:
            return json.loads(answer.read() or b"null")


@pytest.fixture(scope="module")
def proxy(emulator: Emulator) -> Iterator[Proxy]:
    port = free_port()
    command = [str(REPOSITORY / ".venv/bin/microburst"), "--upstream", emulator.endpoint, "--host", "127.0.0.1"]
    environment = {**os.environ, **emulator.environment("root")}
    with subprocess.Popen(
        [*command, "--port", str(port), "--resign"],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        made = Proxy(f"http://127.0.0.1:{port}")
        for _ in range(300):
            try:
                made.rules()
                break
            except OSError:
                time.sleep(0.1)
        yield made
        process.terminate()


@pytest.fixture
def lake(emulator: Emulator) -> Iterator[Lake]:
    with lake_of(emulator.root("s3")) as made:
        yield made


def client(emulator: Emulator, proxy: Proxy, *, tries: int = 5) -> Any:
    keys = emulator.environment("root")
    return boto3.client(
        "s3",
        endpoint_url=proxy.endpoint,
        region_name="us-east-1",
        aws_access_key_id=keys["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=keys["AWS_SECRET_ACCESS_KEY"],
        config=Config(retries={"mode": "standard", "max_attempts": tries}),
    )


PAGES = [wide(90, seed=number) for number in range(3)]


@pytest.mark.parametrize(
    ("which", "fault"),
    [
        (PART, {"error": {"code": "InternalError", "status": 500}}),
        (PART, {"error": {"code": "SlowDown", "status": 503}}),
        (PART, {"reset": True}),
        (PART, {"request": {"slow_upload": {"rate_kbps": 64_000}}}),
        (CREATE, {"error": {"code": "InternalError", "status": 500}}),
        (PUBLISH, {"error": {"code": "SlowDown", "status": 503}}),
        (PUBLISH, {"response": {"abort_bytes": 10}}),  # done, and the reply is lost
        (PUBLISH, {"response": {"truncate_bytes": 40}}),
        (PUBLISH, {"response": {"bandwidth_kbps": 4}}),
        (CREATE, {"response": {"abort_bytes": 10}}),
        (CREATE, {"response": {"truncate_bytes": 40}}),
        (PUBLISH, {"reset": True}),
        (PUBLISH, {"error": {"code": "InternalError", "status": 500}}),
        (TAKE, {"response": {"abort_bytes": 10}}),
        (SAVE, {"response": {"abort_bytes": 10}}),
        (SAVE, {"error": {"code": "SlowDown", "status": 503}}),
    ],
)
def test_an_ingest_gets_over_it(
    lake: Lake, emulator: Emulator, proxy: Proxy, which: dict[str, Any], fault: dict[str, Any]
) -> None:
    s3 = client(emulator, proxy)
    proxy.rules({**which, **fault, "times": 2})
    with serving(paged(PAGES)) as server:
        assert lake.run(server, s3=s3).outcome == "published"
    assert sum(rule.get("fired_count", 0) for rule in proxy.rules()) >= 1
    s3.close()
    assert [row["id"] for row in lake.rows()] == [record["id"] for records in PAGES for record in records]
    assert lake.open_uploads() == []
    assert lake.keys(lake.state) == [lake.target.receipt]


STAYING = [
    ({"error": {"code": "AccessDenied", "status": 403}}, BrigadeError, "not allowed to"),
    ({"error": {"code": "InternalError", "status": 500}}, RetryLater, "try again later"),
    ({"error": {"code": "SlowDown", "status": 503}}, RetryLater, "try again later"),
    ({"reset": True}, RetryLater, "try again later"),
]


@pytest.mark.parametrize(("fault", "kind", "said"), STAYING)
@pytest.mark.parametrize("which", [PART, CREATE, PUBLISH, TAKE])
def test_a_fault_that_stays_is_one_line_and_publishes_nothing_and_the_next_run_does(
    lake: Lake,
    emulator: Emulator,
    proxy: Proxy,
    which: dict[str, Any],
    fault: dict[str, Any],
    kind: type[BrigadeError],
    said: str,
) -> None:
    s3 = client(emulator, proxy, tries=1)
    proxy.rules({**which, **fault})
    with serving(paged(PAGES)) as server:
        with pytest.raises(kind, match=said) as raised:
            lake.run(server, s3=s3, holder="execution")
        s3.close()
        assert "\n" not in str(raised.value)
        assert lake.keys(lake.lake) == []
        left = lake.checkpoint()
        assert not left or not left.lease.holder, "a lease is held"
        assert lake.run(server, holder="execution").outcome == "published"
    assert [row["id"] for row in lake.rows()] == [record["id"] for records in PAGES for record in records]
    assert lake.open_uploads() == []
    assert lake.keys(lake.state) == [lake.target.receipt]
