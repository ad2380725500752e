"""A delivery arrives: S3 tells EventBridge, the function keeps its figures, tells the bus, and is measured."""

import json
import time
from typing import Any

import pytest

from brigade.errors import InvalidData
from tests.local.deployment import Deployment

FUNCTION = "brigade-dev-inventory-arrived"


def delivered(deployed: Deployment) -> str:
    deployed.ask("local", "deliver-inventory", deployed.outputs["LakeBucket"])
    newest = deployed.ask("inventory", "deliveries")
    return str((newest[0] if isinstance(newest, list) else newest)["manifest"])


def summary(deployed: Deployment, delivery: str) -> dict[str, Any]:
    """What is kept of the newest delivery once it is ``delivery``."""
    s3, lake = deployed.emulator.root("s3"), deployed.outputs["LakeBucket"]
    deadline = time.monotonic() + 120
    kept: dict[str, Any] = {}
    while kept.get("delivery") != delivery:
        assert time.monotonic() < deadline, f"{delivery} was not summarized: {kept}"
        time.sleep(0.2)
        try:
            body = s3.get_object(Bucket=deployed.outputs["StateBucket"], Key=f"inventory/{lake}/latest.json")["Body"]
        except s3.exceptions.NoSuchKey:
            continue
        kept = json.loads(body.read())
    return kept


def test_a_delivery_is_summarized_and_compared_with_the_last(deployed: Deployment) -> None:
    s3, lake = deployed.emulator.root("s3"), deployed.outputs["LakeBucket"]
    s3.put_object(Bucket=lake, Key="arrived/one", Body=b"x" * 100)
    first = summary(deployed, delivered(deployed))
    s3.put_object(Bucket=lake, Key="arrived/two +", Body=b"x" * 23, StorageClass="STANDARD_IA")
    second = summary(deployed, delivered(deployed))
    assert (second["objects"] - first["objects"], second["bytes"] - first["bytes"]) == (1, 23)
    assert (second["objects_more"], second["bytes_more"]) == (1, 23)
    assert second["bytes_by_class"]["STANDARD_IA"] - first["bytes_by_class"].get("STANDARD_IA", 0) == 23


def test_a_delivery_that_is_not_whole_is_refused(deployed: Deployment) -> None:
    s3, reports = deployed.emulator.root("s3"), deployed.outputs["ReportsBucket"]
    folder = f"inventory/{deployed.outputs['LakeBucket']}/torn/2026-01-01T01-00Z"
    s3.put_object(Bucket=reports, Key=f"{folder}/manifest.json", Body=b"{}")
    s3.put_object(Bucket=reports, Key=f"{folder}/manifest.checksum", Body=b"0" * 32)
    event = {"detail": {"bucket": {"name": reports}, "object": {"key": f"{folder}/manifest.checksum"}}}
    answer = deployed.emulator.root("lambda").invoke(FunctionName=FUNCTION, Payload=json.dumps(event))
    failed = json.loads(answer["Payload"].read())
    assert failed["errorType"] == InvalidData.__name__
    assert "manifest.checksum says" in failed["errorMessage"]


@pytest.mark.parametrize("again", [False, True])
def test_the_same_event_twice_is_one_summary(deployed: Deployment, again: bool) -> None:
    delivery = delivered(deployed) if not again else str(deployed.ask("inventory", "deliveries")[0]["manifest"])
    before = summary(deployed, delivery)
    key = delivery.split("/", 3)[3].replace("manifest.json", "manifest.checksum")
    event = {"detail": {"bucket": {"name": deployed.outputs["ReportsBucket"]}, "object": {"key": key}}}
    answer = deployed.emulator.root("lambda").invoke(FunctionName=FUNCTION, Payload=json.dumps(event))
    assert json.loads(answer["Payload"].read()) == before
