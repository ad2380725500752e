"""The unmodified AWS CLI makes, confirms, watches and cancels a job, as a user with only these grants."""

import json
import subprocess
import uuid
from typing import Any

from tests.local.conftest import REPOSITORY
from tests.local.local_jobs.batch import Batch


def aws(environment: dict[str, str], *arguments: str) -> Any:
    done = subprocess.run(
        [REPOSITORY / ".venv" / "bin" / "aws", "s3control", *arguments, "--account-id", "000000000000"],
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    return json.loads(done.stdout) if done.stdout.strip() else None


def test_the_aws_cli_creates_confirms_watches_and_cancels(batch: Batch) -> None:
    name = f"cli-{uuid.uuid4()}"
    batch.iam.create_user(UserName=name)
    actions = ["s3:CreateJob", "s3:ListJobs", "s3:DescribeJob", "s3:UpdateJobStatus"]
    statements = [
        {"Effect": "Allow", "Action": actions, "Resource": "*"},
        {"Effect": "Allow", "Action": "iam:PassRole", "Resource": batch.role},
    ]
    batch.iam.put_user_policy(UserName=name, PolicyName="all", PolicyDocument=json.dumps({"Statement": statements}))
    key = batch.iam.create_access_key(UserName=name)["AccessKey"]
    environment = batch.emulator.environment() | {
        "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
    }

    def create(manifest: list[str]) -> str:
        request = batch.request(manifest, ConfirmationRequired=True)
        del request["AccountId"]
        job_id: str = aws(environment, "create-job", "--cli-input-json", json.dumps(request))["JobId"]
        batch.await_status(job_id, "Suspended")
        return job_id

    first, second = create(["ok/1", "ok/2"]), create(["ok/3"])
    ready = aws(environment, "update-job-status", "--job-id", first, "--requested-job-status", "Ready")
    assert ready["Status"] == "Ready"
    aws(environment, "update-job-status", "--job-id", second, "--requested-job-status", "Cancelled")
    batch.await_status(first)
    batch.await_status(second)
    job = aws(environment, "describe-job", "--job-id", first)["Job"]
    assert (job["Status"], job["ProgressSummary"]["NumberOfTasksSucceeded"]) == ("Complete", 2)
    listed = {job["JobId"]: job["Status"] for job in aws(environment, "list-jobs")["Jobs"]}
    assert (listed[first], listed[second]) == ("Complete", "Cancelled")
