"""Test support for operations: run one operation as the handler does, and build the events that S3 sends.

The events are those that AWS has published, as Powertools for AWS Lambda keeps them in its tests.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote_plus

from brigade.operations.invocation import Invocation, Task, TaskResult
from brigade.operations.operation import Operation
from brigade.operations.perform import perform_tasks
from brigade.operations.rights import LimitedClient
from brigade.s3.client_type import S3Client

_TASK = {"taskId": "dGFza2lkZ29lc2hlcmUK", "s3Key": "prefix/dataset/dataset.20231222.json.gz"}
_CALL = {"invocationId": "YXNkbGZqYWRmaiBhc2RmdW9hZHNmZGpmaGFzbGtkaGZza2RmaAo"}
_JOB = "f3cc4f60-61f6-4a2b-8a21-d07600c373ce"

PAYLOADS: Mapping[str, Mapping[str, Any]] = {
    "1.0": {
        **_CALL,
        "invocationSchemaVersion": "1.0",
        "job": {"id": _JOB},
        "tasks": [{**_TASK, "s3VersionId": "1", "s3BucketArn": "arn:aws:s3:::powertools-dataset"}],
    },
    "2.0": {
        **_CALL,
        "invocationSchemaVersion": "2.0",
        "job": {"id": _JOB, "userArguments": {"k1": "v1", "k2": "v2"}},
        "tasks": [{**_TASK, "s3VersionId": None, "s3Bucket": "powertools-dataset"}],
    },
}
"""An event of each schema, by its version."""


def run_operation(
    operation: Operation,
    s3: S3Client,
    bucket: str,
    key: str,
    arguments: Mapping[str, str] | None = None,
    *,
    version_id: str | None = None,
    granted: Sequence[str] | None = None,
) -> TaskResult:
    """Run `operation` on one object in this process and return the result that S3 would get.

    The operation can do what it declares and nothing else, whatever the client's credentials allow: any other call of
    S3 fails the task before it is sent. The result holds the operation's exception. Main thread only.

    Args:
        arguments: Text by name, as S3 carries them.
        version_id: The version in the manifest; None for the current object.
        granted: For another bucket than the lake: the patterns of keys that the settings grant to this operation.

    Returns:
        The result, after the operation's `timeout_s` seconds at most.
    """
    task = Task("task", bucket, quote_plus(key), version_id)
    invocation = Invocation("2.0", "run", "here", dict(arguments or {}), [task])
    limited: Any = LimitedClient(s3, operation, bucket, granted)
    return perform_tasks(operation, invocation, limited, operation.timeout_s)[0]
