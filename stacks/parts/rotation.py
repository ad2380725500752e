"""The password of a database, changed every so often by a function of ours."""

from pathlib import Path

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from brigade.settings import Settings
from stacks import names
from stacks.parts.lambda_function import Function
from stacks.parts.network import Network
from stacks.parts.package import Package
from stacks.parts.permissions import allow
from stacks.parts.postgrest import CA_FILE

SERVICE = "database"


class Rotation(Construct):
    """``lambdas/database/rotate.py``, and when Secrets Manager calls it: at once, then every ``days`` days."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        days: int,
        secret: secretsmanager.ISecret,
        uri: secretsmanager.ISecret,
        network: Network,
        root: Path,
    ) -> None:
        """Arguments: ``secret``, the attached one; ``uri``, the one kept in step; ``root``, the repository."""
        super().__init__(scope, construct_id)
        stack = Stack.of(self)
        service = f"{names.cluster(settings.stage)}/{names.POSTGREST}"
        made = Function(
            self,
            "Rotate",
            name=names.rotation(settings.stage),
            service=SERVICE,
            package=Package.of_rotation(root, settings.target),
            environment={
                "BRIGADE_URI_SECRET": uri.secret_arn,
                "BRIGADE_CA_FILE": CA_FILE,
                "BRIGADE_SERVICE": service,
            },
            memory_mib=256,
            timeout_s=60,
            settings=settings,
            network=network,
        )
        steps = ("DescribeSecret", "GetSecretValue", "PutSecretValue", "UpdateSecretVersionStage")
        allow(made.role, [f"secretsmanager:{action}" for action in steps], [secret.secret_arn])
        allow(made.role, ["secretsmanager:PutSecretValue"], [uri.secret_arn])
        running = f"arn:{stack.partition}:ecs:{stack.region}:{stack.account}:service/{service}"
        allow(made.role, ["ecs:UpdateService"], [running])
        self._schedule(made, secret, days)

    def _schedule(self, rotate: Function, secret: secretsmanager.ISecret, days: int) -> None:
        rotate.function.add_permission(
            "SecretsManager",
            principal=iam.ServicePrincipal("secretsmanager.amazonaws.com"),
            source_account=Stack.of(self).account,
            source_arn=secret.secret_arn,
        )
        schedule = secretsmanager.CfnRotationSchedule(
            self,
            "Schedule",
            secret_id=secret.secret_arn,
            rotation_lambda_arn=rotate.function.function_arn,
            rotation_rules=secretsmanager.CfnRotationSchedule.RotationRulesProperty(
                schedule_expression=f"rate({days} days)", duration="2h"
            ),
        )
        # The first rotation starts with it: all that the function may do and change must be there.
        schedule.node.add_dependency(rotate)
