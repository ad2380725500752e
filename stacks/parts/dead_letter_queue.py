"""The queue that keeps what failed for good until somebody has looked at it."""

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from stacks.parts import nag


class Failures(sqs.Queue):
    """An encrypted dead-letter queue that keeps each failure for 14 days, SQS's longest."""

    def __init__(self, scope: Construct, construct_id: str, *, name: str) -> None:
        super().__init__(
            scope,
            construct_id,
            queue_name=name,
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=Duration.days(14),
            removal_policy=RemovalPolicy.DESTROY,
        )
        nag.accept(
            self, "SQS3", "This is the dead-letter queue: an alarm tells of what is in it, and nothing reads it."
        )
