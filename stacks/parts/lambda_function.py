"""A Lambda function as every function here is."""

from collections.abc import Mapping
from typing import Any, cast

from aws_cdk import AssetHashType, Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from brigade.settings import Settings
from stacks import names
from stacks.parts import nag
from stacks.parts.network import Network
from stacks.parts.package import Package
from stacks.parts.permissions import allow, allow_interfaces

_ARCHITECTURES = {"arm64": lambda_.Architecture.ARM_64, "x86_64": lambda_.Architecture.X86_64}

_RUNTIME = "Python 3.13, the version for which the locked wheels are chosen; a newer runtime is a change of its own."


class Function(Construct):
    """A function with a role of its own that may write its log and its traces, and nothing else yet."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        service: str,
        package: Package,
        environment: Mapping[str, str],
        memory_mib: int = 512,
        timeout_s: int = 900,
        concurrency: int | None = None,
        settings: Settings,
        network: Network | None = None,
    ) -> None:
        """Arguments: ``service``, under which it logs and measures; ``concurrency``, reserved, None for none.

        ``network``: where it runs, if that is not Lambda's own.
        """
        super().__init__(scope, construct_id)
        log = self._log(settings)
        self.role = self._role(log, network)
        nag.accept(self, "L1", _RUNTIME)
        with package.assembled() as folder:
            self.function = lambda_.Function(
                self,
                "Function",
                function_name=name,
                role=self.role,
                runtime=lambda_.Runtime.PYTHON_3_13,
                architecture=_ARCHITECTURES[package.machine],
                handler=package.handler,
                # CDK copies the folder while it makes the function.
                code=lambda_.Code.from_asset(
                    str(folder), asset_hash=package.content_hash(), asset_hash_type=AssetHashType.CUSTOM
                ),
                environment={
                    **environment,
                    "POWERTOOLS_SERVICE_NAME": service,
                    "POWERTOOLS_METRICS_NAMESPACE": names.metrics(settings.stage),
                },
                memory_size=memory_mib,
                timeout=Duration.seconds(timeout_s),
                reserved_concurrent_executions=concurrency,
                logging_format=lambda_.LoggingFormat.JSON,
                log_group=log,
                tracing=lambda_.Tracing.ACTIVE,
                **_placed(network),
            )

    def _role(self, log: logs.LogGroup, network: Network | None) -> iam.Role:
        role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        allow(role, ["logs:CreateLogStream", "logs:PutLogEvents"], [log.log_group_arn])
        if network:
            allow_interfaces(role)
        nag.accept(role, "IAM5[Resource::*]", "X-Ray takes segments for no resource in particular.")
        return role

    def _log(self, settings: Settings) -> logs.LogGroup:
        keep = RemovalPolicy.DESTROY if settings.removal == "destroy" else RemovalPolicy.RETAIN
        log = logs.LogGroup(self, "Log", removal_policy=keep)
        # CDK's own parameter is a list of names for the numbers; the settings hold the number.
        cast(logs.CfnLogGroup, log.node.default_child).retention_in_days = settings.retention.logs
        return log


def _placed(network: Network | None) -> dict[str, Any]:
    if network is None:
        return {}
    return {"vpc": network.vpc, "vpc_subnets": network.inside, "security_groups": [network.clients]}
