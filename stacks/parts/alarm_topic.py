"""The topic on which alarms are told."""

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct


class AlarmTopic(sns.Topic):
    """A topic that this account's alarms may publish to, over TLS only, with one address subscribed if there is one."""

    def __init__(self, scope: Construct, construct_id: str, *, email: str | None) -> None:
        super().__init__(scope, construct_id, enforce_ssl=True)
        stack = Stack.of(self)
        # A topic with a policy of its own loses the default one, which let the account's alarms in.
        self.add_to_resource_policy(
            iam.PolicyStatement(
                sid="Alarms",
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[self.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": stack.account}},
            )
        )
        if email:
            self.add_subscription(subscriptions.EmailSubscription(email))
