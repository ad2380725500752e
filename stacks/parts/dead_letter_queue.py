"""The queue that keeps the failures of an ingest until a person looks at them."""

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from stacks.parts import nag


class DeadLetterQueue(sqs.Queue):
    """An encrypted queue that keeps each failure for 14 days, the longest retention of SQS."""

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
            self,
            "SQS3",
            "This queue is the dead-letter queue. No consumer reads it, and an alarm reports messages in it.",
        )
