"""A trial: the deployed function over a few objects of a selection, to measure what an object takes."""

import base64
import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from botocore.exceptions import ClientError

from brigade.errors import BrigadeError
from brigade.jobs.columns import Columns
from brigade.jobs.manifest import Selected, rows_of
from brigade.jobs.row import Row

# The last line of an invocation's log, which Invoke gives with LogType=Tail:
# https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html
_BILLED = re.compile(rb"Billed Duration: (\d+) ms")


class Functions(Protocol):
    """What is asked of a Lambda client."""

    def invoke(self, **request: Any) -> Any:
        """Run a function and wait for its answer."""


@dataclass(frozen=True)
class Sample:
    """What a trial found: the mean of the seconds that Lambda bills for an object, and how many of how many failed."""

    objects: int
    failed: int
    seconds: float


def first(selected: Selected, most: int, kept: list[Row]) -> Iterator[Row | Columns]:
    """Give ``selected`` on, the first ``most`` objects of it also to ``kept``."""
    for part in selected:
        room = most - len(kept)
        if room > 0 and isinstance(part, Row):
            kept.append(part)
        elif room > 0 and isinstance(part, Columns):
            kept += rows_of(part, room)
        yield part


def measure(functions: Functions, function_arn: str, rows: Sequence[Row], arguments: Mapping[str, str]) -> Sample:
    """Run the function over each row, one after the other, as S3 would: what it writes is written.

    The first call is not counted where there are more: it starts the function. Fails with BrigadeError when the
    function may not be invoked or answers nothing that S3 would take.
    """
    seconds, failed = [], 0
    for number, row in enumerate(rows):
        took, well = _invoke(functions, function_arn, row, arguments, str(number))
        seconds.append(took)
        failed += not well
    counted = seconds[1:] or seconds
    return Sample(len(rows), failed, sum(counted) / len(counted))


def _invoke(functions: Functions, arn: str, row: Row, arguments: Mapping[str, str], number: str) -> tuple[float, bool]:
    event = {
        "invocationSchemaVersion": "2.0",
        "invocationId": f"sample-{number}",
        "job": {"id": "sample", "userArguments": dict(arguments)},
        "tasks": [{"taskId": number, "s3Key": row.key_text, "s3VersionId": row.version_id, "s3Bucket": row.bucket}],
    }
    began = time.monotonic()
    try:
        answer = functions.invoke(FunctionName=arn, Payload=json.dumps(event).encode(), LogType="Tail")
        body = answer["Payload"].read()
    except ClientError as error:
        said = error.response["Error"]
        raise BrigadeError(f"cannot run {arn} for a sample: {said.get('Code')}: {said.get('Message')}") from error
    waited = time.monotonic() - began
    billed = _BILLED.search(base64.b64decode(answer.get("LogResult", "")))
    took = int(billed[1]) / 1000 if billed else waited
    if answer.get("FunctionError"):
        return took, False
    try:
        (result,) = json.loads(body)["results"]
        return took, result["resultCode"] == "Succeeded"
    except (ValueError, KeyError, TypeError) as error:
        raise BrigadeError(f"{arn} gave no answer that S3 would take: {body[:200]!r}") from error
