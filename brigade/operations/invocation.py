"""The event that S3 Batch Operations sends to a function, and the response, in both versions of the schema.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/batch-ops-invoke-lambda.html
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

from brigade.errors import InvalidData
from brigade.operations.outcome import ResultCode


@dataclass(frozen=True)
class Task:
    """One object of the job. `key_text` is the key as received, form-encoded (`+` is a space)."""

    id: str
    bucket: str
    key_text: str
    version_id: str | None

    @property
    def key(self) -> str:
        """The decoded key. Raises InvalidData if it is not UTF-8."""
        try:
            return unquote_plus(self.key_text, errors="strict")
        except UnicodeDecodeError:
            raise InvalidData(f"the manifest's key is not UTF-8 when decoded: {self.key_text}") from None


@dataclass(frozen=True)
class TaskResult:
    """The result of a task, and its error for the log."""

    task: Task
    code: ResultCode
    text: str
    error: BaseException | None = None


@dataclass(frozen=True)
class Invocation:
    """One call of the function: usually with one task, but any number is handled."""

    schema: str
    id: str
    job_id: str
    arguments: Mapping[str, str]
    tasks: Sequence[Task]

    def answer(self, results: Sequence[TaskResult]) -> dict[str, Any]:
        """Return the response: the same ids, a result for each task, and a missing result as a permanent failure."""
        return {
            "invocationSchemaVersion": self.schema,
            "treatMissingKeysAs": "PermanentFailure",
            "invocationId": self.id,
            "results": [
                {"taskId": result.task.id, "resultCode": result.code, "resultString": result.text} for result in results
            ],
        }


def parse_invocation(event: Mapping[str, Any]) -> Invocation:
    """Parse the event of either schema. Raises InvalidData if S3 Batch Operations did not send it."""
    try:
        job = event["job"]
        return Invocation(
            schema=event["invocationSchemaVersion"],
            id=event["invocationId"],
            job_id=job["id"],
            arguments=dict(job.get("userArguments") or {}),
            tasks=[_task(task) for task in event["tasks"]],
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise InvalidData(f"not an invocation by S3 Batch Operations: {type(error).__name__} {error}") from None


def _task(task: Mapping[str, Any]) -> Task:
    # Version 1.0 has the bucket's ARN (some samples have a region and an account in it), 2.0 its name.
    bucket = task["s3Bucket"] if "s3Bucket" in task else task["s3BucketArn"].rpartition(":")[2]
    return Task(id=task["taskId"], bucket=bucket, key_text=task["s3Key"], version_id=task.get("s3VersionId"))
