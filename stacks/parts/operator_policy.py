"""The managed policy with the permissions that the command `brigade` needs."""

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from brigade import layout, names
from brigade.catalog import table
from brigade.ingest.declare.target import SUFFIXES, Target
from brigade.settings import Settings
from stacks.parts.athena_access import allow_table_action
from stacks.parts.bucket import StageBuckets
from stacks.parts.permissions import allow, allow_key, allow_list, allow_objects, bucket_arn


class OperatorPolicy(iam.ManagedPolicy):
    """A policy that allows every command of `brigade` in one stage, and nothing else.

    It allows to read all of the lake, and to write only keys that an ingest writes.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        buckets: StageBuckets,
        job_role: iam.IRole,
    ) -> None:
        # A changed description would replace the policy and detach it from its users.
        super().__init__(scope, construct_id, description=f"Every command of brigade in the stage {settings.stage}")
        stage = settings.stage
        stacks = self._arn("cloudformation", f"stack/{names.stack(stage, '*')}/*")
        allow(self, ["cloudformation:DescribeStacks"], [stacks], because="CloudFormation ends the ARN with a new id.")
        self._allow_data(settings, buckets)
        self._allow_queries(settings, buckets.reports)
        self._allow_jobs(stage, job_role)
        self._allow_ingests(stage)
        if settings.queues:
            queues = [self._arn("sqs", queue) for queue in settings.queues]
            allow(self, ["sqs:SendMessage"], queues)

    def _allow_data(self, settings: Settings, buckets: StageBuckets) -> None:
        lake, reports, state = buckets.lake, buckets.reports, buckets.state
        allow_list(self, lake, reports, state)
        allow_objects(self, lake, ["*"], "s3:GetObject")
        # `ingest run` publishes as the function does; what it may write has the form of an ingest's key.
        objects = [Target("*", "*", "", "", suffix=suffix).key for suffix in SUFFIXES.values()]
        allow_objects(self, lake, objects, "s3:PutObject", "s3:AbortMultipartUpload")
        allow(self, ["s3:ListBucketMultipartUploads"], [bucket_arn(lake)])
        folders = (settings.inventory.prefix, layout.JOB_REPORTS, layout.MANIFESTS, layout.QUERIES)
        read = [f"{folder}/*" for folder in folders]
        allow_objects(self, reports, read, "s3:GetObject")
        allow_objects(self, reports, [f"{layout.MANIFESTS}/*"], "s3:PutObject", "s3:AbortMultipartUpload")
        allow_objects(self, state, ["*"], "s3:GetObject", "s3:GetObjectVersion", "s3:PutObject", "s3:DeleteObject")
        allow(self, ["s3:ListBucketVersions"], [bucket_arn(state)])
        allow_key(self, buckets.key, "Decrypt", "GenerateDataKey")

    def _allow_queries(self, settings: Settings, reports: s3.IBucket) -> None:
        stage = settings.stage
        actions = ["StartQueryExecution", "GetQueryExecution", "GetQueryResults", "StopQueryExecution"]
        workgroup = self._arn("athena", f"workgroup/{names.workgroup(stage)}")
        allow(self, [f"athena:{action}" for action in actions], [workgroup])
        # Athena reads and writes with the caller's permissions, and computes projected partitions itself.
        database = names.database(stage)
        parents = [self._arn("glue", resource) for resource in ("catalog", f"database/{database}")]
        allow(self, ["glue:GetDatabase"], parents)
        allow_table_action(self, stage, f"{table()}*", "GetTable")
        allow(self, ["s3:GetBucketLocation"], [bucket_arn(reports)])
        allow_objects(self, reports, [f"{layout.QUERIES}/*"], "s3:PutObject")

    def _allow_jobs(self, stage: str, job_role: iam.IRole) -> None:
        # Source: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html
        allow(self, ["s3:CreateJob", "s3:ListJobs"], ["*"], because="These two actions support no resource ARNs.")
        actions = ["DescribeJob", "UpdateJobStatus", "UpdateJobPriority", "PutJobTagging"]
        allow(
            self,
            [f"s3:{action}" for action in actions],
            [self._arn("s3", "job/*")],
            because="S3 generates the id of a job when the job is created. A job can only have the role passed below.",
        )
        operations = self._arn("lambda", f"function:{names.operation(stage, '*')}")
        # `jobs estimate --sample` invokes the function of an operation.
        because = "An added operation does not update this policy. All names of the stage's operations start this way."
        allow(self, ["lambda:InvokeFunction"], [operations], because=because)
        allow(
            self,
            ["iam:PassRole"],
            [job_role.role_arn],
            conditions={"StringEquals": {"iam:PassedToService": "batchoperations.s3.amazonaws.com"}},
        )

    def _allow_ingests(self, stage: str) -> None:
        ingests = names.ingest(stage, "*")
        because = "An added source does not update this policy. All names of the stage's ingests start this way."
        machines = self._arn("states", f"stateMachine:{ingests}")
        executions = self._arn("states", f"execution:{ingests}:*")
        allow(self, ["states:StartExecution"], [machines], because=because)
        allow(self, ["states:DescribeExecution"], [executions], because=because)

    def _arn(self, service: str, resource: str) -> str:
        stack = Stack.of(self)
        return f"arn:{stack.partition}:{service}:{stack.region}:{stack.account}:{resource}"
