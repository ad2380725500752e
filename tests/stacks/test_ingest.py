"""A source is run on time, to its end, and what fails for good is kept."""

import json
from pathlib import Path

import pytest
from aws_cdk import App

from brigade.errors import SettingsError
from brigade.settings import Settings
from stacks.stage import add_stage
from tests.stacks.conftest import SOURCES, Stage


def test_it_starts_when_its_declaration_says_with_the_instant(stage: Stage) -> None:
    made = stage()
    schedule = made.one("ingest", "AWS::Scheduler::Schedule", "myapi")
    assert schedule["ScheduleExpression"] == "cron(15 6 * * ? *)"
    assert schedule["ScheduleExpressionTimezone"] == "Europe/Berlin"
    assert schedule["State"] == "ENABLED"
    target = schedule["Target"]
    assert json.loads(target["Input"]) == {"scheduled": "<aws.scheduler.scheduled-time>"}
    assert "myapiLoop" in target["Arn"]["Ref"]
    assert "myapiFailures" in target["DeadLetterConfig"]["Arn"]["Fn::GetAtt"][0], "also if it cannot be started"


def test_the_function_is_what_its_declaration_says(stage: Stage) -> None:
    function = stage().one("ingest", "AWS::Lambda::Function", "myapi")
    assert function["FunctionName"] == "brigade-dev-ingest-my_api"
    assert function["Handler"] == "lambdas.ingest.handler.handler"
    assert (function["MemorySize"], function["Timeout"]) == (512, 600)
    assert function["Runtime"] == "python3.13"
    assert function["Architectures"] == ["arm64"]
    assert function["TracingConfig"] == {"Mode": "Active"}
    assert function["LoggingConfig"]["LogFormat"] == "JSON"
    variables = function["Environment"]["Variables"]
    assert variables | {"BRIGADE_LAKE_BUCKET": "", "BRIGADE_STATE_BUCKET": ""} == {
        "BRIGADE_SOURCE": "my_api",
        "BRIGADE_LAKE_BUCKET": "",
        "BRIGADE_STATE_BUCKET": "",
        "MALLOC_MMAP_THRESHOLD_": "1048576",
        "MALLOC_TRIM_THRESHOLD_": "4194304",
        "POWERTOOLS_SERVICE_NAME": "ingest-my_api",
        "POWERTOOLS_METRICS_NAMESPACE": "Brigade/dev",
    }
    assert "Lake" in str(variables["BRIGADE_LAKE_BUCKET"])
    assert "State" in str(variables["BRIGADE_STATE_BUCKET"])


def test_logs_are_kept_for_the_stages_days(stage: Stage) -> None:
    for which in ("dev", "prod"):
        made = stage(which)
        days = {log["RetentionInDays"] for log in made.all("ingest", "AWS::Logs::LogGroup").values()}
        assert days == {made.settings.retention.logs}


def test_the_dead_letter_queue_keeps_failures_two_weeks_encrypted(stage: Stage) -> None:
    queue = stage().one("ingest", "AWS::SQS::Queue", "myapi")
    assert queue["MessageRetentionPeriod"] == 14 * 24 * 3600
    assert queue["SqsManagedSseEnabled"] is True


def test_a_source_of_this_machine_stays_on_it(stage: Stage) -> None:
    secrets = "SourceSecretsPolicyArn"
    assert set(stage("dev", "aws").template("ingest")["Outputs"]) == {"IngestMyApi", secrets}
    assert set(stage("dev", "local").template("ingest")["Outputs"]) == {"IngestMyApi", "IngestNear", secrets}


def test_a_url_for_a_source_that_is_not_there_is_a_mistake(repository: Path) -> None:
    settings = Settings(stage="dev", source_urls={"my_ipa": "https://api.example.com"})
    with pytest.raises(
        SettingsError, match=r"stages\.dev\.source_urls\.my_ipa: no such source; there are my_api, near"
    ):
        add_stage(App(), settings=settings, sources=SOURCES, operations={}, recurring={}, root=repository)


def test_a_stage_without_sources_and_operations_can_be_deployed(stage: Stage) -> None:
    made = stage("prod", "aws", declared=False)
    for noun in ("ingest", "batch-operations", "monitoring"):
        assert made.template(noun)["Resources"], f"CloudFormation refuses a stack without a resource: {noun}"


def test_no_stack_holds_on_to_a_source_or_an_operation(stage: Stage) -> None:
    """A removed declaration must deploy: nothing of it may be another stack's import."""
    made = stage("dev", "local")
    for noun in ("ingest", "batch-operations"):
        exports = [output["Export"]["Name"] for output in made.template(noun)["Outputs"].values() if "Export" in output]
        assert all("JobRole" in name for name in exports), exports
