"""The slice, end to end: deployed stacks, enforced IAM, the real command, as the operator."""

import gzip
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.demo import photographs
from local.demo.api import serving
from tests.local.conftest import REPOSITORY, free_port
from tests.local.deployment import Deployment

DATE = "2026-02-03"
TILES = f"key LIKE '{photographs.PREFIX}%/%'"  # other tests of this deployment keep theirs one folder above


@pytest.fixture(scope="module")
def tiles(deployed: Deployment) -> list[photographs.Tile]:
    """Every 6th photograph and the three broken ones, loaded."""
    packages = next((REPOSITORY / ".brigade" / "demo-venv" / "lib").glob("python3*/site-packages"))
    tiles = [t for n, t in enumerate(photographs.tiles(packages)) if n % 6 == 0 or t.broken is not None]
    for tile in tiles:
        deployed.lake.put(tile.key, tile.broken or tile.sound)
    return tiles


@pytest.fixture(scope="module")
def api(deployed: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("api"), free_port()) as url:
        deployed.serve("demo", url)
        yield url


@pytest.fixture(scope="module")
def delivery(deployed: Deployment, tiles: list[photographs.Tile]) -> str:
    deployed.ask("local", "deliver-inventory", deployed.outputs["LakeBucket"])
    newest = deployed.ask("inventory", "deliveries")
    newest = newest[0] if isinstance(newest, list) else newest
    return str(newest["manifest"])


@pytest.fixture(scope="module")
def job(deployed: Deployment, delivery: str) -> str:
    """A thumbnail job over all photographs, ended."""
    submitted = deployed.ask("jobs", "submit", "thumbnail", "--where", TILES, "--argument", "size=32", "--yes")
    assert deployed.run("jobs", "watch", submitted["id"]).returncode == 1
    return str(submitted["id"])


def test_an_ingest_publishes_once(deployed: Deployment, api: str) -> None:
    first = deployed.ask("ingest", "invoke", "demo", "--date", DATE, "--wait")
    assert first["outcome"] == "published"
    lake, s3 = deployed.outputs["LakeBucket"], deployed.emulator.root("s3")
    assert first["object"] == f"s3://{lake}/demo/date={DATE}/demo.jsonl.gz"
    body = s3.get_object(Bucket=lake, Key=f"demo/date={DATE}/demo.jsonl.gz")["Body"].read()
    lines = gzip.decompress(body).splitlines()
    assert len(lines) == first["records"] > 3000
    assert first["pages"] > 3
    assert first["bytes"] == len(body)
    assert first["sha256"] in {hashlib.sha256(body).hexdigest(), hashlib.sha256(gzip.decompress(body)).hexdigest()}
    records = [json.loads(line) for line in lines]
    assert {record["ingest_date"] for record in records} == {DATE}
    assert len({record["iata"] for record in records}) == len(records)

    again = deployed.ask("ingest", "invoke", "demo", "--date", DATE, "--wait", exits=3)
    assert again["outcome"] == "already_published"
    assert s3.get_object(Bucket=lake, Key=f"demo/date={DATE}/demo.jsonl.gz")["Body"].read() == body


def test_the_inventory_gives_exact_keys(deployed: Deployment, delivery: str, tiles: list[photographs.Tile]) -> None:
    done = deployed.run("inventory", "rows", "--columns", "key,size", "--format", "jsonl")
    rows = [json.loads(line) for line in done.stdout.split("\n") if line]
    known = {tile.key for tile in tiles}
    found = {row["key"]: row["size"] for row in rows if row["key"] in known}
    assert found == {tile.key: len(tile.broken or tile.sound) for tile in tiles}


@pytest.mark.parametrize("engine", ["duckdb", "athena"])
def test_sql_counts_the_same_on_both_engines(
    deployed: Deployment, delivery: str, tiles: list[photographs.Tile], engine: str
) -> None:
    query = f"SELECT count(*) AS n, sum(size) AS bytes FROM inventory WHERE {TILES}"
    answer = deployed.ask("inventory", "sql", query, "--engine", engine)
    expected = {"n": len(tiles), "bytes": sum(len(tile.broken or tile.sound) for tile in tiles)}
    assert {name: int(value) for name, value in answer.items()} == expected


def test_a_job_runs_over_every_object_and_its_report_gives_reasons(
    deployed: Deployment, job: str, tiles: list[photographs.Tile]
) -> None:
    shown = deployed.ask("jobs", "show", job)
    broken = {tile.key for tile in tiles if tile.broken is not None}
    assert (shown["status"], shown["total"], shown["failed"]) == ("Complete", len(tiles), len(broken))
    done = deployed.run("jobs", "report", job, "--failed", "--format", "jsonl")
    assert done.returncode == 1
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert {row["key"] for row in rows} == broken
    s3, lake = deployed.emulator.root("s3"), deployed.outputs["LakeBucket"]
    made = {
        item["Key"]
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=lake, Prefix="thumbnails/")
        for item in page.get("Contents", [])
    }
    expected = {f"thumbnails/{tile.key}.jpg" for tile in tiles}
    assert made & expected == expected - {f"thumbnails/{key}.jpg" for key in broken}


def test_a_retry_runs_the_failed_tasks_alone(deployed: Deployment, job: str, tiles: list[photographs.Tile]) -> None:
    for tile in tiles:
        if tile.broken is not None:
            deployed.lake.put(tile.key, tile.sound)
    retried = deployed.ask("jobs", "retry", job, "--all", "--yes")
    assert deployed.run("jobs", "watch", retried["id"]).returncode == 0
    shown = deployed.ask("jobs", "show", retried["id"])
    assert (shown["total"], shown["succeeded"], shown["failed"]) == (3, 3, 0)


def test_verify_reads_each_object_whole(deployed: Deployment, delivery: str, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    s3, lake = deployed.emulator.root("s3"), deployed.outputs["LakeBucket"]
    sound, torn = gzip.compress(b'{"a":1}\n{"a":2}\n'), gzip.compress(b'{"a":1}\n')[:-3]
    s3.put_object(Bucket=lake, Key="checked/sound +1.jsonl.gz", Body=sound)
    s3.put_object(Bucket=lake, Key="checked/torn.jsonl.gz", Body=torn)
    keys.write_text("checked/sound +1.jsonl.gz\nchecked/torn.jsonl.gz\n")
    submitted = deployed.ask("jobs", "submit", "verify", "--keys", str(keys), "--yes")
    assert deployed.run("jobs", "watch", submitted["id"]).returncode == 1
    rows = {
        row["key"]: row
        for row in map(
            json.loads, deployed.run("jobs", "report", submitted["id"], "--format", "jsonl").stdout.splitlines()
        )
    }
    assert hashlib.sha256(sound).hexdigest() in str(rows["checked/sound +1.jsonl.gz"])
    assert "lines=2" in str(rows["checked/sound +1.jsonl.gz"])
    assert "gzip" in str(rows["checked/torn.jsonl.gz"]).lower()
