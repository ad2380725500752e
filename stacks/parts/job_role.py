"""The IAM role that S3 Batch Operations assumes to run a job."""

from collections.abc import Sequence

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from brigade import layout
from stacks.parts.bucket import StageBuckets
from stacks.parts.permissions import allow, allow_key, allow_objects, bucket_arn


class JobRole(iam.Role):
    """A role that may read manifests, write completion reports and invoke `functions`, for jobs of this account only.

    The role of each function decides what that function may do to an object.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/batch-ops-iam-role-policies.html
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        deliveries: str,
        buckets: StageBuckets,
        functions: Sequence[lambda_.IFunction],
        existing: Sequence[str] = (),
    ) -> None:
        """Create the role.

        Args:
            scope: The parent construct.
            construct_id: The id of this construct in `scope`.
            deliveries: Prefix of the inventories in the reports bucket. A delivery can be the manifest of a job.
            buckets: The buckets and the KMS key of the stage.
            functions: The functions of the operations.
            existing: Names of the buckets beside the lake whose objects S3 may list for a job.
        """
        super().__init__(
            scope,
            construct_id,
            description="S3 Batch Operations: reads manifests, writes reports, invokes the operations",
            assumed_by=iam.ServicePrincipal(
                "batchoperations.s3.amazonaws.com",
                conditions={"StringEquals": {"aws:SourceAccount": Stack.of(scope).account}},
            ),
        )
        # A job names its manifest by ETag, and this bucket keeps no versions, so s3:GetObjectVersion is not needed.
        allow_objects(self, buckets.reports, [f"{layout.MANIFESTS}/*", f"{deliveries}/*"], "s3:GetObject")
        # Where S3 generates the manifest, it writes it here and requires s3:PutInventoryConfiguration.
        allow_objects(self, buckets.reports, [f"{layout.JOB_REPORTS}/*", f"{layout.MANIFESTS}/*"], "s3:PutObject")
        beside = [f"arn:{Stack.of(scope).partition}:s3:::{name}" for name in existing]
        allow(self, ["s3:PutInventoryConfiguration"], [bucket_arn(buckets.lake), *beside])
        allow_key(self, buckets.key, "Decrypt", "GenerateDataKey")
        if functions:
            allow(self, ["lambda:InvokeFunction"], [function.function_arn for function in functions])
