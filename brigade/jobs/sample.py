"""A sample: run the deployed function on a few objects of a selection, and measure its time per object."""

import base64
import heapq
import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from botocore.exceptions import ClientError

from brigade.errors import BrigadeError
from brigade.jobs.manifest import ObjectColumns, Selected, row_at
from brigade.jobs.row import ManifestRow, display_key
from brigade.operations.outcome import truncate_text

if TYPE_CHECKING:
    from types_boto3_lambda import LambdaClient

# The last line of an invocation's log, which Invoke returns with LogType=Tail:
# https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html
_BILLED = re.compile(rb"Billed Duration: (\d+) ms")


@dataclass(frozen=True)
class SampleFailure:
    """One object of a sample on which the function failed, and the function's message."""

    key: str
    text: str


@dataclass(frozen=True)
class Sample:
    """The result of a sample.

    Args:
        objects: How many objects the function ran on.
        failures: The objects on which it failed. Their time is not counted.
        seconds: The mean billed Lambda time of a successful object, in seconds; None if no object succeeded.
        said: The function's own text for the first object that succeeded.
    """

    objects: int
    failures: tuple[SampleFailure, ...]
    seconds: float | None
    said: str = ""


@dataclass
class RandomRows:
    """A uniform random choice of at most `most` objects from a streamed selection.

    Every object gets a random number, and those with the lowest numbers stay. The same `seed` over the same selection
    returns the same objects.
    """

    most: int
    seed: int
    _kept: list[tuple[float, int, ManifestRow]] = field(default_factory=list)

    def over(self, selected: Selected) -> Iterator[ManifestRow | ObjectColumns]:
        """Yield `selected` unchanged and choose from it."""
        random, seen = np.random.default_rng(self.seed), 0
        for part in selected:
            many = 1 if isinstance(part, ManifestRow) else len(part)
            if self.most:
                self._choose(part, random.random(many), seen)
            seen += many
            yield part

    def _choose(self, part: ManifestRow | ObjectColumns, numbers: Any, seen: int) -> None:
        limit = -self._kept[0][0] if len(self._kept) == self.most else 1.0
        for at in np.flatnonzero(numbers < limit).tolist():
            # A heap of negative numbers: the first one has the highest number and is the next to go.
            if len(self._kept) == self.most and -float(numbers[at]) <= self._kept[0][0]:
                continue
            row = part if isinstance(part, ManifestRow) else row_at(part, at)
            push = heapq.heappush if len(self._kept) < self.most else heapq.heapreplace
            push(self._kept, (-float(numbers[at]), seen + at, row))

    @property
    def rows(self) -> list[ManifestRow]:
        """Return the objects chosen so far, in the order of the selection."""
        return [row for _, _, row in sorted(self._kept, key=lambda kept: kept[1])]


def measure_sample(
    functions: "LambdaClient", function_arn: str, rows: Sequence[ManifestRow], arguments: Mapping[str, str]
) -> Sample:
    """Run the deployed function on each row, one after the other, as S3 would run it. Return the measured time.

    The function's writes are real. The first call includes the cold start, so it is not counted if another call
    succeeded. Failed tasks are returned by name and not counted, because they often end early.

    Raises:
        BrigadeError: The function may not be invoked, or its answer is not one that S3 accepts.
    """
    seconds, failures, said = [], [], ""
    for number, row in enumerate(rows):
        took, succeeded, text = _invoke(functions, function_arn, row, arguments, str(number))
        if not succeeded:
            failures.append(SampleFailure(display_key(row.key_text), text))
            continue
        seconds.append((number, took))
        said = said or text
    counted = [took for number, took in seconds if number] or [took for _, took in seconds]
    mean = sum(counted) / len(counted) if counted else None
    return Sample(len(rows), tuple(failures), mean, said)


class _Answer(NamedTuple):
    seconds: float
    succeeded: bool
    text: str


def _invoke(
    functions: "LambdaClient", arn: str, row: ManifestRow, arguments: Mapping[str, str], number: str
) -> _Answer:
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
        return _Answer(took, False, f"{answer['FunctionError']}: {truncate_text(body.decode(errors='replace'), 1000)}")
    try:
        (result,) = json.loads(body)["results"]
        return _Answer(took, result["resultCode"] == "Succeeded", str(result["resultString"]))
    except (ValueError, KeyError, TypeError) as error:
        raise BrigadeError(f"{arn} returned a response that S3 would reject: {body[:200]!r}") from error
