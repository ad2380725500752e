"""The two payloads that AWS has published (Powertools' captured events), and what must come back."""

from typing import Any

import pytest

from brigade.errors import InvalidData
from brigade.operations.invocation import TaskResult, parse_invocation

V1: dict[str, Any] = {
    "invocationSchemaVersion": "1.0",
    "invocationId": "YXNkbGZqYWRmaiBhc2RmdW9hZHNmZGpmaGFzbGtkaGZza2RmaAo",
    "job": {"id": "f3cc4f60-61f6-4a2b-8a21-d07600c373ce"},
    "tasks": [
        {
            "taskId": "dGFza2lkZ29lc2hlcmUK",
            "s3Key": "prefix/dataset/dataset.20231222.json.gz",
            "s3VersionId": "1",
            "s3BucketArn": "arn:aws:s3:::powertools-dataset",
        }
    ],
}
V2: dict[str, Any] = {
    "invocationSchemaVersion": "2.0",
    "invocationId": "YXNkbGZqYWRmaiBhc2RmdW9hZHNmZGpmaGFzbGtkaGZza2RmaAo",
    "job": {"id": "f3cc4f60-61f6-4a2b-8a21-d07600c373ce", "userArguments": {"k1": "v1", "k2": "v2"}},
    "tasks": [
        {
            "taskId": "dGFza2lkZ29lc2hlcmUK",
            "s3Key": "prefix/dataset/dataset.20231222.json.gz",
            "s3VersionId": None,
            "s3Bucket": "powertools-dataset",
        }
    ],
}


def test_schema_1_names_the_bucket_by_arn_and_has_no_arguments() -> None:
    invocation = parse_invocation(V1)
    assert invocation.arguments == {}
    (task,) = invocation.tasks
    assert (task.bucket, task.key, task.version_id) == (
        "powertools-dataset",
        "prefix/dataset/dataset.20231222.json.gz",
        "1",
    )


def test_schema_2_names_the_bucket_and_has_arguments() -> None:
    invocation = parse_invocation(V2)
    assert invocation.arguments == {"k1": "v1", "k2": "v2"}
    assert (invocation.tasks[0].bucket, invocation.tasks[0].version_id) == ("powertools-dataset", None)


def test_the_arn_with_region_and_account_of_aws_own_page_is_read_too() -> None:
    task = {**V1["tasks"][0], "s3BucketArn": "arn:aws:s3:us-east-1:0123456788:bucket"}
    assert parse_invocation({**V1, "tasks": [task]}).tasks[0].bucket == "bucket"


@pytest.mark.parametrize("event", [V1, V2])
def test_the_answer_echoes_the_ids_and_says_what_a_missing_result_is(event: dict[str, Any]) -> None:
    invocation = parse_invocation(event)
    assert invocation.answer([TaskResult(invocation.tasks[0], "Succeeded", "fine")]) == {
        "invocationSchemaVersion": event["invocationSchemaVersion"],
        "treatMissingKeysAs": "PermanentFailure",
        "invocationId": event["invocationId"],
        "results": [{"taskId": "dGFza2lkZ29lc2hlcmUK", "resultCode": "Succeeded", "resultString": "fine"}],
    }


def test_keys_are_decoded_like_a_form() -> None:
    task = {**V2["tasks"][0], "s3Key": "a+b%2Bc%2520d/%F0%9F%AA%A3"}
    assert parse_invocation({**V2, "tasks": [task]}).tasks[0].key == "a b+c%20d/🪣"


@pytest.mark.parametrize("event", [{}, {"Records": []}, {**V2, "tasks": [{}]}, {**V2, "job": None}])
def test_another_event_is_refused_in_words(event: dict[str, Any]) -> None:
    with pytest.raises(InvalidData, match="not an invocation by S3 Batch Operations"):
        parse_invocation(event)
