"""Selections that this machine does not read: by an Athena query, or a whole delivery."""

import gzip
import hashlib
import json
import uuid
from typing import Any
from urllib.parse import quote_plus

import pytest

from tests.local.deployment import Deployment
from tests.local.jobs import reported

KEYS = ["plain.txt", "a b+c%20d%=e&f.txt", "\"quoted\", 'and' commas.txt", "new\nline\rand\ttab", "🪣/日本/Ωмега~*.txt"]


@pytest.fixture(scope="module")
def folder(deployed: Deployment) -> str:
    """Objects under odd keys, in a folder of the lake of their own, and a delivery that has them."""
    folder = f"chosen-{uuid.uuid4().hex[:8]}/"
    for key in KEYS:
        deployed.emulator.root("s3").put_object(
            Bucket=deployed.outputs["LakeBucket"], Key=folder + key, Body=key.encode()
        )
    deployed.ask("local", "deliver-inventory", deployed.outputs["LakeBucket"])
    return folder


def delivery(deployed: Deployment, keys: list[str], **changes: Any) -> str:
    """Put a delivery of a configuration of its own, as S3 writes one, and give its address."""
    s3, lake, reports = deployed.emulator.root("s3"), deployed.outputs["LakeBucket"], deployed.outputs["ReportsBucket"]
    folder = f"inventory/{lake}/{uuid.uuid4().hex}"
    rows = "".join(f'"{lake}","{quote_plus(key, safe="/")}","5"\n' for key in keys)
    data = gzip.compress(rows.encode())
    s3.put_object(Bucket=reports, Key=f"{folder}/data/one.csv.gz", Body=data)
    file = {"key": f"{folder}/data/one.csv.gz", "size": len(data), "MD5checksum": hashlib.md5(data).hexdigest()}
    manifest = json.dumps(
        {
            "sourceBucket": lake,
            "destinationBucket": f"arn:aws:s3:::{reports}",
            "version": "2016-11-30",
            "creationTimestamp": "1748826000000",
            "fileFormat": "CSV",
            "fileSchema": "Bucket, Key, Size",
            "files": [file],
        }
        | changes
    ).encode()
    stamp = f"{folder}/2025-06-02T01-00Z"
    s3.put_object(Bucket=reports, Key=f"{stamp}/manifest.json", Body=manifest)
    checksum = hashlib.md5(manifest).hexdigest().encode()
    s3.put_object(Bucket=reports, Key=f"{stamp}/manifest.checksum", Body=checksum)
    return f"s3://{reports}/{stamp}/manifest.json"


def test_athena_chooses_and_s3_puts_the_manifest_together(deployed: Deployment, folder: str) -> None:
    chosen = ("verify", "--where", f"key LIKE '{folder}%' -- all of them", "--engine", "athena")
    done = deployed.run("jobs", "submit", *chosen, "--yes", "--watch")
    assert done.returncode == 0, done.stderr
    assert "5 objects, " in done.stderr
    assert set(reported(deployed, done.stdout.splitlines()[0])) == {folder + key for key in KEYS}


def test_athena_counts_for_an_estimate(deployed: Deployment, folder: str) -> None:
    chosen = ("verify", "--where", f"key LIKE '{folder}%'")
    here = deployed.ask("jobs", "estimate", *chosen)
    there = deployed.ask("jobs", "estimate", *chosen, "--engine", "athena", "--sample", "2")
    assert (there["objects"], there["bytes"]) == (here["objects"], here["bytes"])
    assert sorted(there["keys"]) == sorted(here["keys"]) == sorted(folder + key for key in KEYS)
    assert (there["sample"]["objects"], "as measured" in there["assumed"]) == (2, True)
    again = deployed.ask("jobs", "estimate", *chosen, "--engine", "athena", "--sample", "2")
    assert again["sample"]["said"] == there["sample"]["said"], "the same seed chooses the same objects"


def test_athena_counts_keys_that_the_operation_may_not_read(deployed: Deployment, folder: str) -> None:
    chosen = ("to_parquet", "--where", f"key LIKE '{folder}%'", "--engine", "athena")
    refused = deployed.run("jobs", "estimate", *chosen)
    assert (refused.returncode, f"may not read '{folder}" in refused.stderr) == (2, True)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--where", "key = 'none at all'"), "nothing is selected"),
        (("--where", "no_such_column = 1"), "no_such_column"),
        (("--where", "1 = 1; DROP TABLE inventory"), "is 2 statements"),
        (("--keys", "-"), "is only for --inventory and --where"),
    ],
)
def test_what_athena_cannot_choose_is_one_line_and_leaves_nothing(
    deployed: Deployment, folder: str, options: tuple[str, ...], said: str
) -> None:
    s3, reports = deployed.emulator.root("s3"), deployed.outputs["ReportsBucket"]
    unloaded = s3.list_objects_v2(Bucket=reports, Prefix="queries/unload/").get("KeyCount", 0)
    done = deployed.run("jobs", "submit", "verify", *options, "--engine", "athena", "--yes", given=folder)
    assert (done.returncode != 0, done.stdout) == (True, "")
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert s3.list_objects_v2(Bucket=reports, Prefix="queries/unload/").get("KeyCount", 0) == unloaded


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("key = 'none at all'", "nothing is selected"),
        ("no_such_column = 1", "no_such_column"),
        ("key LIKE", "does not parse"),
    ],
)
def test_what_a_condition_cannot_choose_here_is_one_line(
    deployed: Deployment, folder: str, where: str, said: str
) -> None:
    """``folder``: there is a delivery."""
    done = deployed.run("--quiet", "jobs", "submit", "verify", "--where", where, "--yes")
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_delivery_without_a_filter_is_the_manifest_itself(deployed: Deployment, folder: str) -> None:
    address = delivery(deployed, [folder + key for key in KEYS])
    job = deployed.ask("jobs", "submit", "verify", "--inventory", address, "--yes")
    assert (job["manifest"], job["objects"]) == (address, len(KEYS))
    assert deployed.run("jobs", "watch", job["id"]).returncode == 0
    assert set(reported(deployed, job["id"])) == {folder + key for key in KEYS}
    declined = deployed.run("jobs", "submit", "verify", "--inventory", address)
    assert (declined.returncode, "costs" in declined.stderr or "for $" in declined.stderr) == (2, True)
    dry = deployed.run("jobs", "submit", "verify", "--inventory", address, "--dry-run")
    assert (dry.returncode, "Only S3 can count" in dry.stderr) == (0, True)


def test_a_delivery_that_s3_would_misread_is_written_anew(deployed: Deployment, folder: str) -> None:
    """The delivery has all versions: an empty version would fail its task, and the job would change an old one."""
    address = delivery(deployed, [], fileSchema="Bucket, Key, VersionId, IsLatest, IsDeleteMarker, Size")
    done = deployed.run("jobs", "submit", "verify", "--inventory", address, "--yes")
    assert (done.returncode, "nothing is selected" in done.stderr) == (2, True)
