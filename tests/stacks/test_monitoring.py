"""Somebody is told when an ingest failed or did not run, when memory runs out, records jump, or failures wait."""

import json
from typing import Any

import pytest

from brigade.settings import Settings
from tests.stacks.conftest import OPERATIONS, SOURCES, Stage, Synthesized


def alarms(made: Synthesized) -> dict[str, dict[str, Any]]:
    return {name[:-8]: alarm for name, alarm in made.all("monitoring", "AWS::CloudWatch::Alarm").items()}


def test_each_source_and_operation_has_its_alarms(stage: Stage) -> None:
    ingest = {"Failed", "TimedOut", "DidNotRun", "RecordWidth", "Drift", "DeadLetters", "Memory"}
    assert alarms(stage("dev", "local")).keys() == {
        *(f"Ingest{source}{what}" for source in ("MyApi", "Near") for what in ingest),
        "OperationLookMemory",
        "OperationMakeMemory",
        "InventoryLate",
    }


@pytest.mark.parametrize(("which", "hours"), [("dev", 48)])
def test_a_late_delivery_is_told(stage: Stage, which: str, hours: int) -> None:
    late = alarms(stage(which))["InventoryLate"]
    assert (late["MetricName"], late["Dimensions"]) == (
        "Delivered",
        [{"Name": "service", "Value": "inventory"}, {"Name": "table", "Value": "inventory"}],
    )
    assert (late["EvaluationPeriods"], late["Period"], late["TreatMissingData"]) == (hours, 3600, "breaching")
    assert late["ComparisonOperator"] == "LessThanThreshold"


def test_every_alarm_reaches_the_topic_and_says_what_it_means(stage: Stage) -> None:
    made = stage()
    (topic,) = made.all("monitoring", "AWS::SNS::Topic")
    for name, alarm in alarms(made).items():
        assert alarm["AlarmActions"] == [{"Ref": topic}], name
        assert alarm["AlarmDescription"].startswith("dev: "), name


@pytest.mark.parametrize(
    ("name", "metric", "dimensions", "threshold", "comparison", "missing"),
    [
        ("Memory", "MemoryUsedPercent", {"service": "ingest-my_api"}, 80, "GreaterThanOrEqual", "notBreaching"),
        ("RecordWidth", "RecordBytes", {"service": "ingest-my_api"}, 65536, "GreaterThanOrEqual", "notBreaching"),
        ("Drift", "Drift", {"service": "ingest-my_api"}, 1, "GreaterThanOrEqual", "notBreaching"),
        ("DidNotRun", "Published", {"service": "ingest-my_api"}, 1, "LessThan", "breaching"),
        (
            "DeadLetters",
            "ApproximateNumberOfMessagesVisible",
            {"QueueName": "brigade-dev-ingest-my_api-failures"},
            1,
            "GreaterThanOrEqual",
            "notBreaching",
        ),
    ],
)
def test_an_alarm_watches_what_is_published(
    stage: Stage, name: str, metric: str, dimensions: dict[str, str], threshold: int, comparison: str, missing: str
) -> None:
    alarm = alarms(stage())[f"IngestMyApi{name}"]
    assert alarm["MetricName"] == metric
    assert {dimension["Name"]: dimension["Value"] for dimension in alarm["Dimensions"]} == dimensions
    assert alarm["Threshold"] == threshold
    assert alarm["ComparisonOperator"] == f"{comparison}{'Threshold' if 'Less' in comparison else 'ToThreshold'}"
    assert alarm["TreatMissingData"] == missing


@pytest.mark.parametrize(("name", "metric"), [("Failed", "ExecutionsFailed"), ("TimedOut", "ExecutionsTimedOut")])
def test_a_failed_execution_is_told_of(stage: Stage, name: str, metric: str) -> None:
    alarm = alarms(stage())[f"IngestMyApi{name}"]
    assert (alarm["Namespace"], alarm["MetricName"], alarm["Threshold"]) == ("AWS/States", metric, 1)
    (dimension,) = alarm["Dimensions"]
    assert str(dimension["Value"]).endswith(":stateMachine:brigade-dev-ingest-my_api']]}")


def test_a_day_without_a_published_object_is_told_of_soon_after_it(stage: Stage) -> None:
    alarm = alarms(stage())["IngestMyApiDidNotRun"]
    hours = alarm["Period"] * alarm["EvaluationPeriods"] / 3600
    assert 24 < hours <= 30, "less would tell of a day that is not over, more would miss one"


def test_two_stages_of_an_account_do_not_hear_of_each_other(stage: Stage) -> None:
    for which in ("dev", "prod"):
        made = stage(which)
        own = {alarm["Namespace"] for alarm in alarms(made).values() if alarm["Namespace"].startswith("Brigade")}
        published = {
            function["Environment"]["Variables"]["POWERTOOLS_METRICS_NAMESPACE"]
            for noun in ("ingest", "batch-operations")
            for function in made.all(noun, "AWS::Lambda::Function").values()
        }
        assert own == published == {f"Brigade/{which}"}


def test_the_topic_takes_this_accounts_alarms_over_tls(stage: Stage) -> None:
    statements = stage().one("monitoring", "AWS::SNS::TopicPolicy")["PolicyDocument"]["Statement"]
    allow, deny = sorted(statements, key=lambda statement: str(statement["Effect"]))
    assert allow["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert allow["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
    assert deny["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_an_address_is_subscribed_if_there_is_one(stage: Stage) -> None:
    assert not stage().all("monitoring", "AWS::SNS::Subscription")


def test_the_dashboard_shows_every_source_and_operation(stage: Stage) -> None:
    body = stage("dev", "local").one("monitoring", "AWS::CloudWatch::Dashboard")["DashboardBody"]
    text = "".join(piece if isinstance(piece, str) else "REGION" for piece in body["Fn::Join"][1])
    shown = {
        (metric[1], metric[-2] if isinstance(metric[-1], dict) else metric[-1])
        for widget in json.loads(text)["widgets"]
        for metric in widget["properties"]["metrics"]
    }
    for source in SOURCES:
        for metric in ("Records", "BytesOut", "Seconds", "MemoryUsedPercent"):
            assert (metric, f"ingest-{source}") in shown
        assert {("Errors", f"brigade-dev-ingest-{source}"), ("Throttles", f"brigade-dev-ingest-{source}")} <= shown
    for operation in OPERATIONS:
        for metric in ("Succeeded", "TemporaryFailure", "PermanentFailure", "MemoryUsedPercent"):
            assert (metric, f"operation-{operation}") in shown
        assert ("Throttles", f"brigade-dev-operation-{operation}") in shown


def test_the_settings_defaults_are_the_promised_ones() -> None:
    assert Settings(stage="x").alarms.memory_percent == 80
