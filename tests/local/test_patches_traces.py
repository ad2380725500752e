"""X-Ray of the local AWS: who sends traces with leave has them kept, and the daemon takes what X-Ray's SDK sends."""

import io
import json
import time
import uuid
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.conftest import Emulator

# As X-Ray's SDK for Python sends: https://docs.aws.amazon.com/xray/latest/devguide/xray-api-sendingdata.html
CODE = """
import json, os, socket, time
def handler(event, context):
    header = dict(part.split("=") for part in os.environ["_X_AMZN_TRACE_ID"].split(";"))
    host, port = os.environ["AWS_XRAY_DAEMON_ADDRESS"].split(":")
    segment = {"trace_id": header["Root"], "parent_id": header["Parent"], "id": "0123456789abcdef", "name": "upload",
               "type": "subsegment", "start_time": time.time(), "end_time": time.time()}
    line = json.dumps({"format": "json", "version": 1}) + "\\n" + json.dumps(segment)
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(line.encode(), (host, int(port)))
    return header["Root"]
"""
TRUST = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}


@pytest.fixture
def function(emulator: Emulator) -> Iterator[tuple[Any, str]]:
    """A traced function without any right, and what it is called."""
    name, iam, lambda_ = f"traced-{uuid.uuid4().hex[:8]}", emulator.root("iam"), emulator.root("lambda")
    trust = json.dumps({"Version": "2012-10-17", "Statement": [TRUST]})
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("code.py", CODE)
    lambda_.create_function(
        FunctionName=name,
        Runtime="python3.13",
        Role=role,
        Handler="code.handler",
        Code={"ZipFile": packed.getvalue()},
        TracingConfig={"Mode": "Active"},
    )
    yield lambda_, name
    lambda_.delete_function(FunctionName=name)


def segments(emulator: Emulator, trace: str, least: int) -> list[Any]:
    """The segments of a trace, once there are so many; the SDK's come by another way."""
    xray, end = emulator.root("xray"), time.monotonic() + 30
    while True:
        found = xray.batch_get_traces(TraceIds=[trace])["Traces"]
        kept = [json.loads(segment["Document"]) for each in found for segment in each["Segments"]]
        if len(kept) >= least or time.monotonic() > end:
            return kept
        time.sleep(0.05)


def test_a_function_with_leave_is_traced_and_what_its_sdk_sends_hangs_below(
    emulator: Emulator, function: tuple[Any, str]
) -> None:
    lambda_, name = function
    allowed = {"Effect": "Allow", "Action": ["xray:PutTraceSegments", "xray:PutTelemetryRecords"], "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    emulator.root("iam").put_role_policy(RoleName=name, PolicyName="traces", PolicyDocument=policy)
    begun = datetime.now(UTC)
    trace = json.load(lambda_.invoke(FunctionName=name)["Payload"])
    kept = {segment["name"]: segment for segment in segments(emulator, trace, 2)}
    assert kept["upload"]["parent_id"] == kept[name]["id"]
    assert kept[name]["fault"] is False
    asked = emulator.root("xray").get_trace_summaries(StartTime=begun, EndTime=datetime.now(UTC))["TraceSummaries"]
    assert [{"Name": name, "Type": "AWS::Lambda::Function"}] in [summary["ServiceIds"] for summary in asked]
    later = datetime.now(UTC) + timedelta(hours=1)
    nothing = emulator.root("xray").get_trace_summaries(StartTime=later, EndTime=later + timedelta(hours=1))
    assert nothing["TraceSummaries"] == []


def test_a_function_without_leave_leaves_no_trace(emulator: Emulator, function: tuple[Any, str]) -> None:
    lambda_, name = function
    trace = json.load(lambda_.invoke(FunctionName=name)["Payload"])
    end = time.monotonic() + 60
    while f"a trace of {name} is lost" not in (emulator.home / "server.log").read_text():
        assert time.monotonic() < end, "nobody says that it is lost"
        time.sleep(0.05)
    assert segments(emulator, trace, 0) == []


def test_traces_are_for_who_may_read_and_send_them(emulator: Emulator) -> None:
    now = datetime.now(UTC)
    with pytest.raises(ClientError, match="AccessDenied"):
        emulator.operator("xray").get_trace_summaries(StartTime=now, EndTime=now)
    with pytest.raises(ClientError, match="AccessDenied"):
        emulator.operator("xray").put_trace_segments(TraceSegmentDocuments=["{}"])


def test_a_segment_is_put_and_what_is_none_is_told(emulator: Emulator) -> None:
    xray = emulator.root("xray")
    trace = f"1-{int(time.time()):08x}-{uuid.uuid4().hex[:24]}"
    segment = {"trace_id": trace, "id": "a" * 16, "name": "mine", "start_time": time.time()}
    answer = xray.put_trace_segments(TraceSegmentDocuments=[json.dumps(segment), "nonsense"])
    assert [each["ErrorCode"] for each in answer["UnprocessedTraceSegments"]] == ["InvalidSegment"]
    assert segments(emulator, trace, 1) == [segment]
    assert xray.batch_get_traces(TraceIds=["1-0-0"])["UnprocessedTraceIds"] == ["1-0-0"]
