"""Jobs as a person makes and reads them, by the real command, for tests."""

import dataclasses
import json
import uuid
from typing import Any

from brigade.jobs.request import JobPlan
from tests.local.deployment import Deployment


def plan_of(deployed: Deployment, **changes: Any) -> JobPlan:
    """Return the plan of a job of ``verify``, for a test that creates the job in this process."""
    given = deployed.outputs
    made = JobPlan(
        stage=deployed.stage,
        operation="verify",
        function_arn=given["OperationVerify"],
        arguments={},
        what="a test",
        bucket=given["LakeBucket"],
        reports=given["ReportsBucket"],
        role_arn=given["JobRoleArn"],
    )
    return dataclasses.replace(made, **changes)


def finished(deployed: Deployment, *arguments: str, given: str | None = None, exits: int = 0) -> str:
    """Submit and follow to the end; give the job's id."""
    made, _ = deployed.ask("jobs", "submit", *arguments, "--yes", "--watch", given=given, exits=exits)
    return str(made["id"])


def reported(deployed: Deployment, job: str, *options: str) -> dict[str, dict[str, Any]]:
    done = deployed.run("jobs", "report", job, "--format", "jsonl", *options)
    # Not splitlines: keys hold characters that it takes for the ends of lines.
    return {row["key"]: row for row in map(json.loads, done.stdout.split("\n")[:-1])}


def put_manifest(deployed: Deployment, content: bytes) -> str:
    """Put a manifest as a user would who made it by hand."""
    bucket, key = deployed.outputs["LakeBucket"], f"by-hand/{uuid.uuid4().hex}.csv"
    deployed.emulator.root("s3").put_object(Bucket=bucket, Key=key, Body=content)
    return f"s3://{bucket}/{key}"


def suspended(deployed: Deployment, content: bytes, **changes: Any) -> str:
    """Make a job over a manifest that waits for a confirmation, as the console does, and wait until it does."""
    s3, control = deployed.emulator.root("s3"), deployed.emulator.operator("s3control")
    bucket, key = deployed.outputs["ReportsBucket"], f"manifests/by-hand-{uuid.uuid4().hex}.csv"
    etag = s3.put_object(Bucket=bucket, Key=key, Body=content)["ETag"]
    invoke = {"FunctionArn": deployed.outputs["OperationVerify"], "InvocationSchemaVersion": "2.0"}
    request = {
        "AccountId": "000000000000",
        "ConfirmationRequired": True,
        "Operation": {"LambdaInvoke": invoke},
        "Manifest": {
            "Spec": {"Format": "S3BatchOperations_CSV_20180820", "Fields": ["Bucket", "Key"]},
            "Location": {"ObjectArn": f"arn:aws:s3:::{bucket}/{key}", "ETag": etag},
        },
        "Report": {
            "Bucket": f"arn:aws:s3:::{bucket}",
            "Prefix": "jobs",
            "Format": "Report_CSV_20180820",
            "Enabled": True,
            "ReportScope": "AllTasks",
        },
        "Priority": 1,
        "RoleArn": deployed.outputs["JobRoleArn"],
        "ClientRequestToken": uuid.uuid4().hex,
    }
    job = str(control.create_job(**request | changes)["JobId"])
    done = deployed.run("--json", "jobs", "watch", job)
    assert done.returncode == 1
    return job
