"""The one KMS key of a stage that wants a key of its own."""

from collections.abc import Sequence

from aws_cdk import RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct


class Key(kms.Key):
    """A rotated key that the account's roles use as their policies allow, and that S3 Inventory may write with."""

    def __init__(self, scope: Construct, construct_id: str, *, destroy: bool, existing: Sequence[str]) -> None:
        """Arguments: ``existing``, names of buckets not made here, whose inventories are written with it as well."""
        super().__init__(
            scope,
            construct_id,
            description=f"Objects of {Stack.of(scope).stack_name}",
            enable_key_rotation=True,
            removal_policy=RemovalPolicy.DESTROY if destroy else RemovalPolicy.RETAIN,
        )
        stack = Stack.of(self)
        # The lake is encrypted with this key, so naming the lake here would be a circle: CloudFormation starts the
        # names of a stack's buckets with the stack's name, and that is what is named.
        buckets = [f"arn:{stack.partition}:s3:::{name}" for name in (f"{stack.stack_name}-*", *existing)]
        self.add_to_resource_policy(
            iam.PolicyStatement(
                sid="InventoryPolicy",
                principals=[iam.ServicePrincipal("s3.amazonaws.com")],
                actions=["kms:GenerateDataKey"],
                resources=["*"],
                conditions={
                    "StringEquals": {"aws:SourceAccount": stack.account},
                    "ArnLike": {"aws:SourceArn": buckets if existing else buckets[0]},
                },
            )
        )
