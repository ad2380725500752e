"""Every grant of every role, written out. A grant more or less, or a wider one, fails here."""

from typing import Any

import pytest

from tests.stacks.conftest import Stage, Synthesized

TRACE = {"xray:PutTelemetryRecords on *", "xray:PutTraceSegments on *"}  # they know no resource
LOG = TRACE | {"logs:CreateLogStream on Log", "logs:PutLogEvents on Log"}
KEY = {"kms:Decrypt on Key", "kms:GenerateDataKey on Key"}
INGEST = LOG | {
    "s3:PutObject on Lake/raw/apis/my_api/*",
    "s3:GetObject on Lake/raw/apis/my_api/*",
    "s3:AbortMultipartUpload on Lake/raw/apis/my_api/*",
    "s3:ListBucket on Lake",
    "s3:ListBucketMultipartUploads on Lake",
    "s3:GetObject on State/ingest/my_api/*",
    "s3:PutObject on State/ingest/my_api/*",
    "s3:DeleteObject on State/ingest/my_api/*",
    "s3:GetObject on State/receipts/my_api/*",
    "s3:PutObject on State/receipts/my_api/*",
    "s3:GetObject on State/quarantine/my_api/*",
    "s3:PutObject on State/quarantine/my_api/*",
    "s3:ListBucket on State",
    # Secrets Manager puts six characters behind the name of a secret.
    "secretsmanager:GetSecretValue on secretsmanager secret:my-api/user-??????",
    "ssm:GetParameter on ssm parameter/my-api/password",
}
LOOP = TRACE | {
    "lambda:InvokeFunction on myapiFunction",
    "sqs:SendMessage on myapiFailures",
    "xray:GetSamplingRules on *",
    "xray:GetSamplingTargets on *",
    "states:StartExecution on states stateMachine:brigade-dev-ingest-my_api",
    "states:DescribeExecution on states execution:brigade-dev-ingest-my_api:*",
    "states:StopExecution on states execution:brigade-dev-ingest-my_api:*",
}
SCHEDULE = {"states:StartExecution on myapiLoopStateMachine", "sqs:SendMessage on myapiFailures"}
LOOK = LOG | {"s3:GetObject on Lake/*", "s3:GetObjectVersion on Lake/*", "s3:ListBucket on Lake"}
MAKE = LOG | {
    "s3:GetObject on Lake/in/*",
    "s3:GetObjectVersion on Lake/in/*",
    "s3:GetObject on Lake/also/*",
    "s3:GetObjectVersion on Lake/also/*",
    "s3:PutObject on Lake/out/*",
    "s3:ListBucket on Lake",
}
JOB = {
    "s3:GetObject on Reports/manifests/*",
    "s3:GetObject on Reports/inventory/*",
    "s3:PutObject on Reports/jobs/*",
    "s3:PutObject on Reports/manifests/*",
    "s3:PutInventoryConfiguration on Lake",
    "s3:PutObjectTagging on Lake/*",
    "s3:PutObjectVersionTagging on Lake/*",
    "lambda:InvokeFunction on OperationLookFunction",
    "lambda:InvokeFunction on OperationMakeFunction",
}
ENDED = LOG | {
    "s3:ListBucket on Reports",
    "s3:GetObject on Reports/jobs/*",
    "s3:GetObject on Reports/manifests/job-*",
    "s3:PutObject on Reports/manifests/job-*",
    "s3:DescribeJob on s3 job/*",
    "sns:Publish on Alarms",
}
RECUR = LOG | {
    *(f"s3:GetObject on Reports/{prefix}/*" for prefix in ("inventory", "queries", "manifests")),
    *(f"s3:PutObject on Reports/{prefix}/*" for prefix in ("queries", "manifests")),
    "s3:AbortMultipartUpload on Reports/manifests/*",
    "s3:GetBucketLocation on Reports",
    "s3:ListBucket on Reports",
    "s3:ListBucket on State",
    "s3:GetObject on State/recurring/*",
    "s3:PutObject on State/recurring/*",
    *(f"athena:{verb} on athena workgroup/brigade-dev" for verb in ("StartQueryExecution", "GetQueryExecution")),
    "athena:GetQueryResults on athena workgroup/brigade-dev",
    *(f"glue:GetDatabase on glue {what}" for what in ("catalog", "database/brigade_dev")),
    *(f"glue:GetTable on glue {what}" for what in ("catalog", "database/brigade_dev", "table/brigade_dev/inventory")),
    "s3:CreateJob on *",
    "s3:DescribeJob on s3 job/*",
    "s3:PutJobTagging on s3 job/*",
    "iam:PassRole on JobRole",
    "sns:Publish on Alarms",
}
_WRITE = ("PutObject", "AbortMultipartUpload")
OPERATOR = {
    "cloudformation:DescribeStacks on cloudformation stack/brigade-dev-*/*",
    "s3:GetObject on Lake/*",
    *(f"s3:{action} on Lake/*/date=*/*.jsonl.{end}" for action in _WRITE for end in ("gz", "zst")),
    "s3:ListBucket on Lake",
    "s3:ListBucketMultipartUploads on Lake",
    "s3:ListBucket on Reports",
    "s3:GetBucketLocation on Reports",
    "s3:GetObject on Reports/inventory/*",
    "s3:GetObject on Reports/jobs/*",
    "s3:GetObject on Reports/manifests/*",
    "s3:GetObject on Reports/queries/*",
    "s3:PutObject on Reports/manifests/*",
    "s3:AbortMultipartUpload on Reports/manifests/*",
    "s3:PutObject on Reports/queries/*",
    "s3:ListBucket on State",
    "s3:GetObject on State/*",
    "s3:GetObjectVersion on State/*",
    "s3:PutObject on State/*",
    "s3:DeleteObject on State/*",
    "s3:ListBucketVersions on State",
    "athena:StartQueryExecution on athena workgroup/brigade-dev",
    "athena:GetQueryExecution on athena workgroup/brigade-dev",
    "athena:GetQueryResults on athena workgroup/brigade-dev",
    "athena:StopQueryExecution on athena workgroup/brigade-dev",
    *(f"glue:GetDatabase on glue {what}" for what in ("catalog", "database/brigade_dev")),
    *(f"glue:GetTable on glue {what}" for what in ("catalog", "database/brigade_dev", "table/brigade_dev/inventory*")),
    "s3:CreateJob on *",
    "s3:ListJobs on *",
    "s3:DescribeJob on s3 job/*",
    "s3:UpdateJobStatus on s3 job/*",
    "s3:UpdateJobPriority on s3 job/*",
    "s3:PutJobTagging on s3 job/*",
    "lambda:InvokeFunction on lambda function:brigade-dev-operation-*",
    "iam:PassRole on JobRole",
    "states:StartExecution on states stateMachine:brigade-dev-ingest-*",
    "states:DescribeExecution on states execution:brigade-dev-ingest-*:*",
}


def shown(resource: Any) -> str:
    """A resource as a person names it: ``Lake/in/*``, ``Log``, ``athena workgroup/brigade-dev``."""
    match resource:
        case str():
            return resource
        case {"Fn::GetAtt": [logical, "Arn"]} | {"Ref": str(logical)}:
            return "Log" if "Log" in str(logical) else str(logical)[:-8]
        case {"Fn::ImportValue": str(export)}:
            return next(name for name in ("Lake", "Reports", "State", "Key", "JobRole", "Alarms") if name in export)
        case {"Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, str(service), *_, str(rest)]]}:
            return f"{service.strip(':')} {rest.lstrip(':')}"
        case {"Fn::Join": ["", [str(start), {"Ref": "AWS::AccountId"}, str(rest)]]} if start.startswith("arn:"):
            return f"{start.split(':')[2]} {rest.lstrip(':')}"  # where the stage says its region
        case {"Fn::Join": ["", [bucket, str(keys)]]}:
            return shown(bucket) + keys
    raise AssertionError(f"a resource of a form that nobody has looked at: {resource}")


def grants(made: Synthesized, noun: str, part: str, kind: str = "AWS::IAM::Policy") -> set[str]:
    found: set[str] = set()
    for statement in made.one(noun, kind, part)["PolicyDocument"]["Statement"]:
        assert statement["Effect"] == "Allow"
        actions, resources = (_list(statement[name]) for name in ("Action", "Resource"))
        found |= {f"{action} on {shown(resource)}" for action in actions for resource in resources}
    return found


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


@pytest.mark.parametrize(
    ("noun", "part", "expected"),
    [
        ("ingest", "myapiFunctionRole", INGEST),
        ("ingest", "myapiLoop", LOOP),
        ("ingest", "SchedulerRole", SCHEDULE),
        ("batch-operations", "OperationLook", LOOK),
        ("batch-operations", "OperationMake", MAKE),
        ("batch-operations", "JobRole", JOB),
        ("jobs", "RecurringRecurRole", RECUR),
        ("jobs", "EndedRole", ENDED),
        ("jobs", "RecurringMakeWeeklyScheduler", {"lambda:InvokeFunction on RecurringRecurFunction"}),
    ],
)
def test_a_role_may_do_this_and_nothing_else(stage: Stage, noun: str, part: str, expected: set[str]) -> None:
    assert grants(stage("dev", "aws"), noun, part) == expected


def test_on_this_machine_a_role_may_do_what_it_may_on_aws(stage: Stage) -> None:
    here, there = stage("dev", "local"), stage("dev", "aws")
    for noun, part in (("ingest", "myapiFunctionRole"), ("ingest", "myapiLoop"), ("batch-operations", "OperationMake")):
        assert grants(here, noun, part) == grants(there, noun, part)


def test_the_operator_may_do_this_and_nothing_else(stage: Stage) -> None:
    assert grants(stage(), "operator", "Policy", "AWS::IAM::ManagedPolicy") == OPERATOR


def test_who_tries_sources_may_read_their_secrets_and_nothing_else(stage: Stage) -> None:
    found = grants(stage(), "ingest", "SourceSecrets", "AWS::IAM::ManagedPolicy")
    assert found == {grant for grant in INGEST if grant.startswith(("secretsmanager:", "ssm:"))}
    assert not any("secret" in grant or "ssm" in grant for grant in OPERATOR)


def test_with_a_key_of_its_own_a_stage_grants_its_use_to_who_reads_or_writes(stage: Stage) -> None:
    prod = stage("prod")
    for noun, part, expected in (
        ("ingest", "myapiFunctionRole", KEY),
        ("batch-operations", "OperationMake", KEY),
        ("batch-operations", "OperationLook", {"kms:Decrypt on Key"}),
        ("batch-operations", "JobRole", KEY),
    ):
        assert {grant for grant in grants(prod, noun, part) if grant.startswith("kms")} == expected
    found = grants(prod, "operator", "Policy", "AWS::IAM::ManagedPolicy")
    assert {grant for grant in found if grant.startswith("kms")} == KEY


def test_the_operator_passes_the_one_role_to_the_one_service(stage: Stage) -> None:
    policy = stage().one("operator", "AWS::IAM::ManagedPolicy")["PolicyDocument"]["Statement"]
    (passing,) = (statement for statement in policy if statement["Action"] == "iam:PassRole")
    assert passing["Condition"] == {"StringEquals": {"iam:PassedToService": "batchoperations.s3.amazonaws.com"}}


@pytest.mark.parametrize("which", ["dev", "prod"])
def test_the_operators_policy_is_one_that_iam_takes(stage: Stage, which: str) -> None:
    document = str(stage(which).one("operator", "AWS::IAM::ManagedPolicy")["PolicyDocument"])
    assert len(document) < 6144, "IAM's limit, of which the tokens here take more than the names that replace them"


def test_only_batch_operations_of_this_account_takes_the_job_role(stage: Stage) -> None:
    role = stage().one("batch-operations", "AWS::IAM::Role", "JobRole")
    assert role["AssumeRolePolicyDocument"]["Statement"] == [
        {
            "Action": "sts:AssumeRole",
            "Effect": "Allow",
            "Principal": {"Service": "batchoperations.s3.amazonaws.com"},
            "Condition": {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}},
        }
    ]


@pytest.mark.parametrize("target", ["aws", "local"])
def test_no_role_of_ours_has_a_policy_that_somebody_else_writes(stage: Stage, target: str) -> None:
    for noun in ("ingest", "batch-operations", "operator", "monitoring"):
        for name, role in stage("prod", target).all(noun, "AWS::IAM::Role").items():
            assert "ManagedPolicyArns" not in role, name
