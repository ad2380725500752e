"""The KMS key of a stage whose setting `encryption` is `kms`."""

from collections.abc import Sequence

from aws_cdk import RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct


class StageKey(kms.Key):
    """A rotated key for S3 Inventory and for the roles of the account whose policies allow it."""

    def __init__(self, scope: Construct, construct_id: str, *, destroy: bool, existing: Sequence[str]) -> None:
        """Create the key.

        Args:
            scope: The parent construct.
            construct_id: The id of this construct in `scope`.
            destroy: Delete the key with the stack.
            existing: Names of buckets that no stack created, whose inventories the key encrypts too.
        """
        super().__init__(
            scope,
            construct_id,
            description=f"Objects of {Stack.of(scope).stack_name}",
            enable_key_rotation=True,
            removal_policy=RemovalPolicy.DESTROY if destroy else RemovalPolicy.RETAIN,
        )
        stack = Stack.of(self)
        # The lake needs this key, so the key cannot name the lake. CloudFormation starts the name of each bucket of a
        # stack with the name of the stack, so the policy names that pattern.
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
