"""The function that rotates the password of the database, and its schedule."""

from pathlib import Path

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from brigade import names
from brigade.settings import Settings
from lambdas.database.environment import RotationEnvironment
from stacks.parts.lambda_function import LambdaFunction
from stacks.parts.network import Network
from stacks.parts.package import Package
from stacks.parts.permissions import allow
from stacks.parts.postgrest import CA_FILE

SERVICE = "database"


class PasswordRotation(Construct):
    """A function that Secrets Manager invokes after the deployment and then every `days` days.

    Its code is `lambdas/database/rotate.py`.
    """

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
        """Create the function and its schedule.

        Args:
            scope: The parent construct.
            construct_id: The id of this construct in `scope`.
            settings: The settings of the stage.
            days: Days between two rotations.
            secret: The secret with the user, password and address of the database.
            uri: The secret with the database URI. The function updates it in each rotation.
            network: The VPC of the database.
            root: The root folder of the repository.
        """
        super().__init__(scope, construct_id)
        stack = Stack.of(self)
        service = f"{names.cluster(settings.stage)}/{names.POSTGREST}"
        handler = LambdaFunction(
            self,
            "Rotate",
            name=names.rotation(settings.stage),
            service=SERVICE,
            package=Package.of_rotation(root, settings.target),
            environment=RotationEnvironment(uri_secret=uri.secret_arn, service=service, ca_file=CA_FILE),
            memory_mib=256,
            timeout_s=60,
            settings=settings,
            network=network,
        )
        actions = ("DescribeSecret", "GetSecretValue", "PutSecretValue", "UpdateSecretVersionStage")
        allow(handler.role, [f"secretsmanager:{action}" for action in actions], [secret.secret_arn])
        allow(handler.role, ["secretsmanager:PutSecretValue"], [uri.secret_arn])
        service_arn = f"arn:{stack.partition}:ecs:{stack.region}:{stack.account}:service/{service}"
        allow(handler.role, ["ecs:UpdateService"], [service_arn])
        self._add_schedule(handler, secret, days)

    def _add_schedule(self, handler: LambdaFunction, secret: secretsmanager.ISecret, days: int) -> None:
        handler.function.add_permission(
            "SecretsManager",
            principal=iam.ServicePrincipal("secretsmanager.amazonaws.com"),
            source_account=Stack.of(self).account,
            source_arn=secret.secret_arn,
        )
        schedule = secretsmanager.CfnRotationSchedule(
            self,
            "Schedule",
            secret_id=secret.secret_arn,
            rotation_lambda_arn=handler.function.function_arn,
            rotation_rules=secretsmanager.CfnRotationSchedule.RotationRulesProperty(
                schedule_expression=f"rate({days} days)", duration="2h"
            ),
        )
        # Creating the schedule starts the first rotation, so the function and its permissions must exist before.
        schedule.node.add_dependency(handler)
