"""The function as Lambda calls it, with both of AWS's published payloads and a lake in memory."""

import json
from dataclasses import dataclass
from typing import Any

import pytest

from brigade.errors import SettingsError
from lambdas.batch_operations import handler as module
from lambdas.batch_operations.operations import verify
from tests.unit.operations.operations_lake import Lake
from tests.unit.operations.test_operations_invocation import V1, V2

KEY = "prefix/dataset/dataset.20231222.json.gz"


@dataclass
class Context:
    function_name: str = "brigade-dev-operation-verify"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:000000000000:function:f"
    aws_request_id: str = "r"

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


@pytest.fixture
def lake(monkeypatch: pytest.MonkeyPatch) -> Lake:
    lake = Lake()
    monkeypatch.setattr(module, "_setup", lambda: module.Setup(operation=verify.OPERATION, s3=lake))
    monkeypatch.setattr(module.metrics, "namespace", "Brigade")
    monkeypatch.setattr(module.metrics.provider, "namespace", "Brigade")
    monkeypatch.setattr(module.metrics.provider, "service", "operation-verify")
    return lake


@pytest.mark.parametrize("event", [V1, {**V2, "job": {"id": "j"}}])
def test_answers_one_result_and_counts_it(
    event: dict[str, Any], lake: Lake, capsys: pytest.CaptureFixture[str]
) -> None:
    lake.objects[KEY] = b"not gzip"
    answer = module.handler(event, Context())
    assert answer["invocationSchemaVersion"] == event["invocationSchemaVersion"]
    (result,) = answer["results"]
    assert (result["taskId"], result["resultCode"]) == (event["tasks"][0]["taskId"], "PermanentFailure")
    assert result["resultString"].startswith("InvalidData: not sound gzip")
    (told,) = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    assert told["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["service"]]
    assert told["PermanentFailure"] == [1.0]
    assert 0 < told["MemoryUsedPercent"][0] < 1000


def test_arguments_that_the_operation_does_not_take_fail_the_task_and_not_the_function(lake: Lake) -> None:
    (result,) = module.handler(V2, Context())["results"]
    assert result["resultCode"] == "PermanentFailure"
    assert "no argument 'k1'" in result["resultString"]


def test_the_environment_must_name_an_operation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRIGADE_OPERATION", "../evil")
    with pytest.raises(SettingsError, match="BRIGADE_OPERATION"):
        module._setup.__wrapped__()
