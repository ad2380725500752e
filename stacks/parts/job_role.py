"""The role that S3 Batch Operations takes on to run a job."""

from collections.abc import Sequence

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from constructs import Construct

from stacks.parts.permissions import allow, allow_key, allow_objects, arn


class JobRole(iam.Role):
    """Reads manifests, writes completion reports, invokes just ``functions``; for jobs of this account only.

    What a function may do to an object is the function's own role's affair.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/batch-ops-iam-role-policies.html
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        deliveries: str,
        lake: s3.IBucket,
        reports: s3.IBucket,
        key: kms.IKey | None,
        functions: Sequence[lambda_.IFunction],
    ) -> None:
        """Arguments: ``deliveries``, the prefix of those in ``reports``, which S3 reads where one is the manifest."""
        super().__init__(
            scope,
            construct_id,
            description="S3 Batch Operations: reads manifests, writes reports, invokes the operations",
            assumed_by=iam.ServicePrincipal(
                "batchoperations.s3.amazonaws.com",
                conditions={"StringEquals": {"aws:SourceAccount": Stack.of(scope).account}},
            ),
        )
        # A manifest is pinned by its ETag, in a bucket without versions: s3:GetObjectVersion has nothing to read.
        allow_objects(self, reports, ["manifests/*", f"{deliveries}/*"], "s3:GetObject")
        # Where S3 lists the objects itself, it writes the manifest; it asks for the right to configure an inventory.
        allow_objects(self, reports, ["jobs/*", "manifests/*"], "s3:PutObject")
        allow(self, ["s3:PutInventoryConfiguration"], [arn(lake)])
        allow_key(self, key, "Decrypt", "GenerateDataKey")
        if functions:
            allow(self, ["lambda:InvokeFunction"], [function.function_arn for function in functions])
