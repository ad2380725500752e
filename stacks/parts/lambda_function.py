"""A Lambda function with the defaults that all functions of the stacks share."""

from collections.abc import Mapping
from typing import Any, cast

from aws_cdk import AssetHashType, Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from brigade import names
from brigade.settings import Settings
from lambdas.environment import FunctionEnvironment
from stacks.parts import nag
from stacks.parts.network import Network
from stacks.parts.package import Package
from stacks.parts.permissions import allow, allow_network_interfaces

_ARCHITECTURES = {"arm64": lambda_.Architecture.ARM_64, "x86_64": lambda_.Architecture.X86_64}
_RUNTIME_REASON = "The locked wheels are built for Python 3.13. A newer runtime needs other wheels first."


class LambdaFunction(Construct):
    """A function with its log group and a role that may only write logs and traces.

    Attributes:
        function: The Lambda function.
        role: Its role. The caller adds permissions.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        service: str,
        package: Package,
        environment: FunctionEnvironment | None = None,
        extra_variables: Mapping[str, str] | None = None,
        memory_mib: int = 512,
        timeout_s: int = 900,
        concurrency: int | None = None,
        settings: Settings,
        network: Network | None = None,
    ) -> None:
        """Create the function, its log group and its role.

        Args:
            scope: The parent construct.
            construct_id: The id of this construct in `scope`.
            name: Name of the function.
            service: The name under which the function writes logs and metrics.
            package: The code of the function.
            environment: The environment that the handler reads. None: it reads none.
            extra_variables: Environment variables besides those of the handler and of Powertools.
            memory_mib: Memory in MiB.
            timeout_s: Timeout in seconds, 900 at most.
            concurrency: Reserved concurrency. None reserves none.
            settings: The settings of the stage.
            network: The VPC of the function. None runs it outside of a VPC.
        """
        super().__init__(scope, construct_id)
        log_group = self._create_log_group(settings)
        self.role = self._create_role(log_group, network)
        nag.accept(self, "L1", _RUNTIME_REASON)
        with package.assembled() as folder:
            self.function = lambda_.Function(
                self,
                "Function",
                function_name=name,
                role=self.role,
                runtime=lambda_.Runtime.PYTHON_3_13,
                architecture=_ARCHITECTURES[package.machine],
                handler=package.handler,
                # CDK copies the folder before the constructor returns.
                code=lambda_.Code.from_asset(
                    str(folder), asset_hash=package.content_hash(), asset_hash_type=AssetHashType.CUSTOM
                ),
                environment={
                    **(environment.variables() if environment else {}),
                    **(extra_variables or {}),
                    "POWERTOOLS_SERVICE_NAME": service,
                    "POWERTOOLS_METRICS_NAMESPACE": names.metrics(settings.stage),
                },
                memory_size=memory_mib,
                timeout=Duration.seconds(timeout_s),
                reserved_concurrent_executions=concurrency,
                logging_format=lambda_.LoggingFormat.JSON,
                log_group=log_group,
                tracing=lambda_.Tracing.ACTIVE,
                **_network_options(network),
            )

    def _create_role(self, log_group: logs.LogGroup, network: Network | None) -> iam.Role:
        role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        allow(role, ["logs:CreateLogStream", "logs:PutLogEvents"], [log_group.log_group_arn])
        if network:
            allow_network_interfaces(role)
        nag.accept(role, "IAM5[Resource::*]", "The actions that send traces to X-Ray support no resource ARNs.")
        return role

    def _create_log_group(self, settings: Settings) -> logs.LogGroup:
        removal_policy = RemovalPolicy.DESTROY if settings.removal == "destroy" else RemovalPolicy.RETAIN
        log_group = logs.LogGroup(self, "Log", removal_policy=removal_policy)
        # The parameter `retention` takes a name for each number of days. The settings hold the number.
        cast(logs.CfnLogGroup, log_group.node.default_child).retention_in_days = settings.retention.logs
        return log_group


def _network_options(network: Network | None) -> dict[str, Any]:
    if network is None:
        return {}
    return {
        "vpc": network.vpc,
        "vpc_subnets": network.private_subnets,
        "security_groups": [network.client_security_group],
    }
