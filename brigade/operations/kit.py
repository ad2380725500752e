"""What a test of an operation needs: run it as the handler does, and the payloads that S3 sends.

The payloads are those that AWS has published, as Powertools for AWS Lambda keeps them in its tests.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote_plus

from brigade.operations.invocation import Invocation, Result, Task
from brigade.operations.object import S3
from brigade.operations.operation import Operation
from brigade.operations.perform import perform

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


def run(
    operation: Operation,
    s3: S3,
    bucket: str,
    key: str,
    arguments: Mapping[str, str] | None = None,
    *,
    version_id: str | None = None,
) -> Result:
    """Run ``operation`` on one object, here, and give the result that S3 would get; what it raises is in it.

    Arguments are text, as S3 carries them. Takes as long as the operation's ``timeout_s`` at most. Main thread only.
    """
    task = Task("task", bucket, quote_plus(key), version_id)
    return perform(operation, Invocation("2.0", "run", "here", dict(arguments or {}), [task]), s3, operation.timeout_s)[
        0
    ]
