"""The operator stack: the permissions of a person or a CI role that runs the command `brigade`."""

from aws_cdk import App, CfnOutput, Environment, Stack
from aws_cdk import aws_iam as iam

from brigade import names
from brigade.settings import Settings
from stacks.parts.operator_policy import OperatorPolicy
from stacks.storage import StorageStack


class OperatorStack(Stack):
    """One managed policy that allows every command of `brigade`. Attach it to the users and roles that run them."""

    def __init__(
        self, scope: App, *, settings: Settings, storage: StorageStack, job_role: iam.IRole, env: Environment
    ) -> None:
        """Create the stack.

        Args:
            scope: The app.
            settings: The settings of the stage.
            storage: The storage stack of the stage.
            job_role: The role of the stage's jobs.
            env: The account and region to deploy to.
        """
        super().__init__(
            scope, names.stack(settings.stage, "operator"), env=env, description="Bucket Brigade: operator's policy"
        )
        self.add_stack_dependency(storage)
        policy = OperatorPolicy(self, "Policy", settings=settings, buckets=storage.buckets, job_role=job_role)
        CfnOutput(self, "OperatorPolicyArn", value=policy.managed_policy_arn)
