"""A task: one invocation of the function for one row, and the meaning of its response.

Contract: https://docs.aws.amazon.com/AmazonS3/latest/userguide/batch-ops-invoke-lambda.html
"""

import base64
import json
import secrets
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol
from urllib.parse import quote_plus, unquote_plus

from botocore.exceptions import BotoCoreError, ClientError

from local.jobs.manifest import Row

_RESULTS = {"Succeeded", "TemporaryFailure", "PermanentFailure"}
_LARGEST_ANSWER = 6 * 1024 * 1024 + 100  # https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
_TOO_LARGE = json.dumps(
    {
        "errorType": "Function.ResponseSizeTooLarge",
        "errorMessage": f"Response payload size exceeded maximum allowed payload size ({_LARGEST_ANSWER} bytes).",
    }
)
_THROTTLED = {"TooManyRequestsException", "ThrottlingException", "EC2ThrottledException"}


class Outcome(NamedTuple):
    """The outcome of a task, as in its row of the report.

    `again`: S3 runs the task another time. `throttled`: Lambda had no free concurrency, and the task did not run.
    """

    succeeded: bool
    http_status: str
    error_code: str
    message: str
    again: bool = False
    throttled: bool = False


class Invoker(Protocol):
    """The call of the Lambda API that a task needs."""

    def invoke(self, *, FunctionName: str, Payload: bytes) -> Mapping[str, Any]:  # noqa: N803 - boto3's names
        """Run a function and wait for its response."""


def run(row: Row, job_id: str, operation: Mapping[str, Any], functions: Invoker) -> Outcome:
    """Run the task of one row once, through the Lambda API, and return its outcome.

    Args:
        row: from the manifest; an empty version fails without an invocation, as S3 fails it.
        job_id: goes into the payload.
        operation: the request's ``LambdaInvoke``.
        functions: a Lambda client with the job role's credentials.
    """
    if row.version == "":
        return Outcome(False, "400", "InvalidRequest", "Task failed due to missing VersionId")
    schema = operation.get("InvocationSchemaVersion", "1.0")
    sent = payload(row, job_id, schema, operation.get("UserArguments"))
    try:
        answer = functions.invoke(FunctionName=operation["FunctionArn"], Payload=json.dumps(sent).encode())
        body = answer["Payload"].read()
    except ClientError as error:
        code = error.response["Error"]["Code"]
        status = str(error.response["ResponseMetadata"]["HTTPStatusCode"])
        throttled = code in _THROTTLED
        again = throttled or status.startswith("5")
        return Outcome(False, status, code, error.response["Error"]["Message"], again, throttled)
    except BotoCoreError as error:  # the connection broke, or the function was silent for longer than one may run
        return Outcome(False, "500", "InternalError", str(error), again=True)
    if len(body) > _LARGEST_ANSWER:
        return _permanent(f"Lambda returned function error: {_TOO_LARGE}")
    if answer.get("FunctionError"):
        return _permanent(f"Lambda returned function error: {body.decode('utf-8', 'replace')}")
    return outcome(body, sent)


def payload(row: Row, job_id: str, schema: str, arguments: Mapping[str, str] | None) -> dict[str, Any]:
    """Return the event of one invocation. Both schemas encode the key as a form does (space is `+`, `/` stays)."""
    task = {
        "taskId": _opaque(),
        "s3Key": quote_plus(unquote_plus(row.key), safe="/"),
        "s3VersionId": row.version,
    }
    job: dict[str, Any] = {"id": job_id}
    if schema == "1.0":
        task["s3BucketArn"] = f"arn:aws:s3:::{row.bucket}"
    else:
        task["s3Bucket"] = row.bucket
        job["userArguments"] = dict(arguments or {})
    return {"invocationSchemaVersion": schema, "invocationId": _opaque(), "job": job, "tasks": [task]}


def outcome(body: bytes, sent: Mapping[str, Any]) -> Outcome:
    """Return the outcome that the response of a function means.

    A response against the contract is a permanent failure. A task that it lacks gets `treatMissingKeysAs`, by default
    TemporaryFailure.
    """
    try:
        answer = json.loads(body)
    except ValueError:
        return _permanent("Invalid JSON returned in Lambda payload")
    if not isinstance(answer, dict) or not isinstance(answer.get("results"), list):
        return _permanent("Invalid JSON returned in Lambda payload: it has no list of results")
    for name in ("invocationSchemaVersion", "invocationId"):
        if answer.get(name) != sent[name]:
            return _permanent(f"Invalid JSON returned in Lambda payload: {name} is {answer.get(name)!r}")
    missing = answer.get("treatMissingKeysAs", "TemporaryFailure")
    task_id = sent["tasks"][0]["taskId"]
    code, text = missing, "The Lambda function returned no result for this task"
    own = [result for result in answer["results"] if isinstance(result, dict) and result.get("taskId") == task_id]
    if len(own) > 1:
        return _permanent(f"Invalid JSON returned in Lambda payload: {len(own)} results for one task")
    for result in own:
        code, text = result.get("resultCode"), result.get("resultString", "")
    if code not in _RESULTS or missing not in _RESULTS or not isinstance(text, str):
        return _permanent(
            f"Invalid JSON returned in Lambda payload: result code {code!r}, treatMissingKeysAs {missing!r}"
        )
    if code == "Succeeded":
        return Outcome(True, "200", "", text)
    return Outcome(False, "200", code, text, again=code == "TemporaryFailure")


def _permanent(message: str) -> Outcome:
    # 200 is what S3 reports here: the Invoke call itself went well.
    return Outcome(False, "200", "PermanentFailure", message)


def _opaque() -> str:
    return base64.b64encode(secrets.token_bytes(24)).decode()
