"""A delivery arrives: S3 tells EventBridge, the function keeps its figures, tells the bus, and is measured."""

import json
import os
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from brigade.errors import InvalidData
from brigade.inventory.delivery.summary import DeliverySummary, store_summary
from brigade.state import State
from tests import command
from tests.local.deployment import Deployment

FUNCTION = "brigade-dev-inventory-arrived"


def delivered(deployed: Deployment) -> str:
    deployed.ask("local", "deliver-inventory", deployed.outputs["LakeBucket"])
    newest = deployed.ask("inventory", "deliveries")
    return str((newest[0] if isinstance(newest, list) else newest)["manifest"])


def summary(deployed: Deployment, delivery: str) -> dict[str, Any]:
    """Return the expected summary when ``delivery`` is the newest delivery."""
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


def arrived(deployed: Deployment, delivery: str) -> dict[str, Any]:
    """Return the function's response to the event of ``delivery``."""
    bucket, _, key = delivery.removeprefix("s3://").partition("/")
    checksum = key.replace("manifest.json", "manifest.checksum")
    event = {"detail": {"bucket": {"name": bucket}, "object": {"key": checksum}}}
    answer = deployed.emulator.root("lambda").invoke(FunctionName=FUNCTION, Payload=json.dumps(event))
    told: dict[str, Any] = json.loads(answer["Payload"].read())
    return told


def test_a_delivery_is_summarized_and_compared_with_the_last(deployed: Deployment) -> None:
    s3, lake = deployed.emulator.root("s3"), deployed.outputs["LakeBucket"]
    s3.put_object(Bucket=lake, Key="arrived/one", Body=b"x" * 100)
    first = summary(deployed, delivered(deployed))
    s3.put_object(Bucket=lake, Key="arrived/two +", Body=b"x" * 23, StorageClass="STANDARD_IA")
    second = summary(deployed, delivered(deployed))
    assert (second["objects"] - first["objects"], second["bytes"] - first["bytes"]) == (1, 23)
    assert (second["objects_more"], second["bytes_more"]) == (1, 23)
    assert second["bytes_by_class"]["STANDARD_IA"] - first["bytes_by_class"].get("STANDARD_IA", 0) == 23


def test_an_older_delivery_gives_what_it_gave_and_leaves_the_newest(deployed: Deployment) -> None:
    s3, lake = deployed.emulator.root("s3"), deployed.outputs["LakeBucket"]
    s3.put_object(Bucket=lake, Key="arrived/three", Body=b"x" * 7)
    older = summary(deployed, delivered(deployed))
    newest = summary(deployed, delivered(deployed))
    assert (older["objects_more"], older["bytes_more"]) == (1, 7)
    assert arrived(deployed, older["delivery"]) == older
    assert summary(deployed, newest["delivery"]) == newest


def test_an_older_delivery_heard_of_late_has_no_differences_and_is_not_the_newest(deployed: Deployment) -> None:
    state = State(deployed.emulator.root("s3"), deployed.outputs["StateBucket"])
    older, newest = (
        DeliverySummary(
            bucket="late", delivery=f"d{day}", taken=f"2026-11-0{day}", objects=day, bytes=day, bytes_by_class={}
        )
        for day in (1, 2)
    )
    assert store_summary(state, newest) == newest
    assert store_summary(state, older) == older
    kept = state.get("inventory/late/latest.json", DeliverySummary)
    assert kept is not None
    assert kept.value == newest


def test_the_alarm_for_a_late_delivery_hears_of_each(deployed: Deployment) -> None:
    cloudwatch = deployed.emulator.root("cloudwatch")
    (alarm,) = (found for found in cloudwatch.describe_alarms()["MetricAlarms"] if found["MetricName"] == "Delivered")
    watched = {name: alarm[name] for name in ("Namespace", "MetricName", "Dimensions")}

    def heard() -> float:
        now = datetime.now(UTC)
        span = {"StartTime": now - timedelta(days=1), "EndTime": now + timedelta(minutes=1), "Period": 86400}
        points = cloudwatch.get_metric_statistics(**watched, **span, Statistics=["Sum"])["Datapoints"]
        return float(sum(point["Sum"] for point in points))

    newest = summary(deployed, delivered(deployed))["delivery"]
    before = heard()
    arrived(deployed, newest)
    assert heard() >= before + 1


def test_a_bucket_that_the_command_enabled_is_summarized_and_asked_about_as_well(deployed: Deployment) -> None:
    s3, bucket = deployed.emulator.root("s3"), f"enabled-{uuid.uuid4().hex[:8]}"
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="old/one", Body=b"x" * 7)
    owner = {**os.environ, **deployed.emulator.environment("root")}
    enabling = ["--stage", deployed.stage, "inventory", "enable", bucket, "--yes"]
    done = command.run(enabling, environment=owner)
    assert done.returncode == 0, done.stderr
    deployed.ask("local", "deliver-inventory", bucket)
    told = arrived(deployed, deployed.ask("inventory", "deliveries", "--bucket", bucket)["manifest"])
    assert (told["bucket"], told["objects"], told["bytes"]) == (bucket, 1, 7)
    sql = ["inventory", "sql", "SELECT key, size FROM inventory", "--bucket", bucket, "--engine", "athena"]
    assert deployed.ask(*sql) == {"key": "old/one", "size": 7}


def test_a_delivery_that_is_not_whole_is_refused(deployed: Deployment) -> None:
    s3, reports = deployed.emulator.root("s3"), deployed.outputs["ReportsBucket"]
    folder = f"inventory/{deployed.outputs['LakeBucket']}/torn/2026-01-01T01-00Z"
    s3.put_object(Bucket=reports, Key=f"{folder}/manifest.json", Body=b"{}")
    s3.put_object(Bucket=reports, Key=f"{folder}/manifest.checksum", Body=b"0" * 32)
    failed = arrived(deployed, f"s3://{reports}/{folder}/manifest.json")
    assert failed["errorType"] == InvalidData.__name__
    assert "manifest.checksum says" in failed["errorMessage"]


def test_a_delivery_of_somebody_elses_configuration_is_not_summarized(deployed: Deployment) -> None:
    """Put beside the stage's own, on the same bucket and below the same prefix; both are delivered at once."""
    s3, lake, state = deployed.emulator.root("s3"), deployed.outputs["LakeBucket"], deployed.outputs["StateBucket"]
    own = s3.get_bucket_inventory_configuration(Bucket=lake, Id="lake")["InventoryConfiguration"]
    beside = {**own, "Id": "beside"}
    s3.put_bucket_inventory_configuration(Bucket=lake, Id="beside", InventoryConfiguration=beside)
    try:
        summary(deployed, delivered(deployed))
    finally:
        s3.delete_bucket_inventory_configuration(Bucket=lake, Id="beside")
    reports = s3.list_objects_v2(Bucket=deployed.outputs["ReportsBucket"], Prefix=f"inventory/{lake}/beside/")
    assert [item["Key"] for item in reports["Contents"] if item["Key"].endswith("manifest.checksum")]
    for item in s3.list_objects_v2(Bucket=state, Prefix=f"inventory/{lake}/")["Contents"]:
        kept = json.loads(s3.get_object(Bucket=state, Key=item["Key"])["Body"].read())
        assert "/lake/" in kept["delivery"].removeprefix(f"s3://{deployed.outputs['ReportsBucket']}/inventory/{lake}")


@pytest.mark.parametrize("again", [False, True])
def test_the_same_event_twice_is_one_summary(deployed: Deployment, again: bool) -> None:
    delivery = delivered(deployed) if not again else str(deployed.ask("inventory", "deliveries")[0]["manifest"])
    before = summary(deployed, delivery)
    assert arrived(deployed, delivery) == before
