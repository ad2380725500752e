"""The operator stack: what a person or a CI role needs to drive a stage by the command, and no more."""

from aws_cdk import App, CfnOutput, Environment, Stack
from aws_cdk import aws_iam as iam

from brigade.settings import Settings
from stacks import names
from stacks.parts.operator_policy import OperatorPolicy
from stacks.storage import StorageStack


class OperatorStack(Stack):
    """One managed policy, to be attached to whoever may run every command of ``brigade``."""

    def __init__(
        self, scope: App, *, settings: Settings, storage: StorageStack, job_role: iam.IRole, env: Environment
    ) -> None:
        super().__init__(
            scope, names.stack(settings.stage, "operator"), env=env, description="Bucket Brigade: who drives it"
        )
        self.add_stack_dependency(storage)
        policy = OperatorPolicy(
            self,
            "Policy",
            settings=settings,
            lake=storage.lake,
            reports=storage.reports,
            state=storage.state,
            key=storage.key,
            job_role=job_role,
        )
        CfnOutput(self, "OperatorPolicyArn", value=policy.managed_policy_arn)
