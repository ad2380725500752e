"""A function's output and metrics reach CloudWatch if its role allows it."""

import json
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from tests.local.conftest import Emulator
from tests.local.test_patches_lambda import package, trusting

SOURCE = """
import json, time

def handler(event, context):
    metrics = [{"Name": "Records", "Unit": "Count"}, {"Name": "Widths"}]
    declared = [{"Namespace": "Patches", "Dimensions": [["service"]], "Metrics": metrics}]
    line = {"_aws": {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": declared}}
    print(json.dumps({**line, "service": context.function_name, "Records": 7, "Widths": [1, 3]}))
    print("this is no metric: \\"CloudWatchMetrics\\"")
"""


def run(emulator: Emulator, *allowed: str) -> tuple[str, list[str]]:
    """Invoke a function whose role allows these actions; give its name and what its log has."""
    name = f"l-{uuid4().hex[:8]}"
    iam, client, logs = (emulator.root(service) for service in ("iam", "lambda", "logs"))
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trusting("lambda.amazonaws.com"))["Role"]["Arn"]
    if allowed:
        group = f"arn:aws:logs:us-east-1:000000000000:log-group:/aws/lambda/{name}:*"
        statement = {"Effect": "Allow", "Action": list(allowed), "Resource": group}
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=document)
    logs.create_log_group(logGroupName=f"/aws/lambda/{name}")
    client.create_function(
        FunctionName=name, Runtime="python3.13", Handler="index.handler", Role=role, Code={"ZipFile": package(SOURCE)}
    )
    answer = client.invoke(FunctionName=name)
    assert "FunctionError" not in answer
    events = logs.filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"]
    return name, [event["message"] for event in events]


def sum_of(emulator: Emulator, function: str, metric: str) -> float:
    now = datetime.now(UTC)
    points = emulator.root("cloudwatch").get_metric_statistics(
        Namespace="Patches",
        MetricName=metric,
        Dimensions=[{"Name": "service", "Value": function}],
        StartTime=now - timedelta(minutes=5),
        EndTime=now + timedelta(minutes=1),
        Period=600,
        Statistics=["Sum"],
    )["Datapoints"]
    return float(sum(point["Sum"] for point in points))


def test_logs_and_their_metrics_arrive(emulator: Emulator) -> None:
    name, lines = run(emulator, "logs:CreateLogStream", "logs:PutLogEvents")
    assert any("this is no metric" in line for line in lines)
    assert sum_of(emulator, name, "Records") == 7
    assert sum_of(emulator, name, "Widths") == 4


@pytest.mark.parametrize("allowed", [(), ("logs:CreateLogStream",), ("logs:PutLogEvents",)])
def test_without_leave_they_are_lost_and_the_server_says_so(emulator: Emulator, allowed: tuple[str, ...]) -> None:
    name, lines = run(emulator, *allowed)
    assert lines == []
    assert sum_of(emulator, name, "Records") == 0
    assert f"logs of {name} are lost" in (emulator.home / "server.log").read_text()
