"""Output of functions on the local AWS: complete, immediate, and bounded for any number of tasks."""

import base64
import json
import subprocess
import time
from uuid import uuid4

import pytest

from tests.local.conftest import PYTHON, REPOSITORY, Emulator
from tests.local.test_patches_lambda import package, trusting

SOURCE = """
import sys

def handler(event, context):
    for text in event["writes"]:
        sys.stderr.write(text)
    return "done"
"""


@pytest.fixture(scope="module")
def function(emulator: Emulator) -> str:
    name = f"o-{uuid4().hex[:8]}"
    role = emulator.root("iam").create_role(RoleName=name, AssumeRolePolicyDocument=trusting("lambda.amazonaws.com"))
    emulator.root("lambda").create_function(
        FunctionName=name,
        Runtime="python3.13",
        Handler="index.handler",
        Role=role["Role"]["Arn"],
        Code={"ZipFile": package(SOURCE)},
    )
    return name


def test_a_silent_invocation_is_not_waited_for(emulator: Emulator, function: str) -> None:
    client = emulator.root("lambda")

    def seconds() -> float:
        began = time.monotonic()
        client.invoke(FunctionName=function, Payload=json.dumps({"writes": []}))
        return time.monotonic() - began

    assert min(seconds() for _ in range(20)) < 0.05


@pytest.mark.parametrize("writes", [[], ["one\n", "\n", "two\n"], ["no end of line"], ["x" * 2000 + "\n"]])
def test_all_that_an_invocation_writes_is_its_output(emulator: Emulator, function: str, writes: list[str]) -> None:
    answer = emulator.root("lambda").invoke(
        FunctionName=function, Payload=json.dumps({"writes": writes}), LogType="Tail"
    )
    assert answer["Payload"].read() == b'"done"'
    assert base64.b64decode(answer.get("LogResult", "")).decode() == "".join(writes).removesuffix("\n")


BOUNDS = """
import json
from ministack.services import cloudwatch, cloudwatch_logs, lambda_svc
from local.patches import lambda_output

lambda_output.keep_the_newest_output()
lambda_output.keep_the_newest_points()
function = {"config": {"FunctionName": "f", "MemorySize": 128}}
for number in range(1100):
    lambda_svc._emit_lambda_logs(function, f"request-{number}", f"says {number}", False, 1)
    cloudwatch.record_metric("N", "Invocations", 1, "Count")
for number in range(10_100):
    cloudwatch.record_metric("N", "Duration", number, "Milliseconds")
streams = cloudwatch_logs._log_groups["/aws/lambda/f"]["streams"]
said = [event["message"] for stream in streams.values() for event in stream["events"]]
points = {
    name: cloudwatch._metric_bucket(("N", name, cloudwatch._dims_key({}))) for name in ("Invocations", "Duration")
}
print(json.dumps({
    "streams": len(streams),
    "newest": "says 1099" in said,
    "points": len(points["Invocations"]),
    "count": cloudwatch._calc_stats(points["Invocations"])["SampleCount"],
    "durations": len(points["Duration"]),
    "longest": cloudwatch._calc_stats(points["Duration"])["Maximum"],
}))
"""


def test_output_and_metrics_of_a_large_job_are_bounded() -> None:
    done = subprocess.run([PYTHON, "-c", BOUNDS], cwd=REPOSITORY, capture_output=True, check=True, timeout=60)
    kept = json.loads(done.stdout.splitlines()[-1])
    assert kept["points"] < 110
    assert {**kept, "points": 0} == {
        "streams": 1000,
        "newest": True,
        "points": 0,
        "count": 1100,
        "durations": 10_000,
        "longest": 10_099,
    }
