"""PostgREST, a REST interface to PostgreSQL, on Fargate."""

from aws_cdk import RemovalPolicy
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_servicediscovery as servicediscovery
from constructs import Construct

from brigade import names
from brigade.database import authority
from brigade.settings import Database, Settings
from stacks.parts import nag
from stacks.parts.network import CIDR, Network
from stacks.parts.permissions import allow

CA_FILE = "/authority/rds.pem"
"""The file with the certificate authorities of the database, in the PostgREST container."""
PORT = 3000
_POSTGREST_IMAGE = "postgrest/postgrest:v13.0.0"
_SHELL_IMAGE = "busybox:1.37"


class Postgrest(Construct):
    """One PostgREST task, at `postgrest.<stage>.internal:3000` inside the VPC.

    The image contains no shell, so a second container writes the file with the certificate authorities first.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        database: Database,
        network: Network,
        uri: secretsmanager.ISecret,
    ) -> None:
        """Create the ECS cluster, the task and the service.

        Args:
            scope: The parent construct.
            construct_id: The id of this construct in `scope`.
            settings: The settings of the stage.
            database: The settings of the database.
            network: The VPC of the database.
            uri: The secret with the database URI. ECS reads it when a task starts.
        """
        super().__init__(scope, construct_id)
        stage = settings.stage
        cluster = ecs.Cluster(
            self,
            "Cluster",
            cluster_name=names.cluster(stage),
            vpc=network.vpc,
            container_insights_v2=ecs.ContainerInsights.ENABLED,
        )
        task = self._create_task(settings, database, uri)
        ecs.FargateService(
            self,
            "Service",
            service_name=names.POSTGREST,
            cluster=cluster,
            task_definition=task,
            desired_count=1,
            min_healthy_percent=100,
            vpc_subnets=network.private_subnets,
            security_groups=[network.client_security_group],
            circuit_breaker=ecs.DeploymentCircuitBreaker(rollback=False),
            cloud_map_options=ecs.CloudMapOptions(
                name="postgrest",
                cloud_map_namespace=servicediscovery.PrivateDnsNamespace(
                    self, "Names", name=f"{stage}.internal", vpc=network.vpc
                ),
            ),
        )
        network.client_security_group.add_ingress_rule(ec2.Peer.ipv4(CIDR), ec2.Port.tcp(PORT), "PostgREST")

    def _create_task(
        self, settings: Settings, database: Database, uri: secretsmanager.ISecret
    ) -> ecs.FargateTaskDefinition:
        log_group = logs.LogGroup(
            self,
            "Log",
            retention=logs.RetentionDays.ONE_MONTH,
            removal_policy=RemovalPolicy.DESTROY if settings.removal == "destroy" else RemovalPolicy.RETAIN,
        )
        role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com"))
        # CDK's grants allow more. To start a task, ECS reads one secret and writes one log.
        allow(role, ["secretsmanager:GetSecretValue"], [uri.secret_arn])
        allow(role, ["logs:CreateLogStream", "logs:PutLogEvents"], [log_group.log_group_arn])
        task = ecs.FargateTaskDefinition(
            self,
            "Task",
            cpu=256,
            memory_limit_mib=512,
            execution_role=role.without_policy_updates(),
            runtime_platform=ecs.RuntimePlatform(
                cpu_architecture=ecs.CpuArchitecture.ARM64, operating_system_family=ecs.OperatingSystemFamily.LINUX
            ),
            volumes=[ecs.Volume(name="authority")],
        )
        nag.accept(task, "ECS2", "These environment variables hold no secrets. ECS reads the URI from a secret.")
        authority_writer = _add_authority_writer(task, settings.region or "us-east-1", log_group)
        postgrest = _add_postgrest(task, database, uri, log_group)
        postgrest.add_container_dependencies(
            ecs.ContainerDependency(container=authority_writer, condition=ecs.ContainerDependencyCondition.SUCCESS)
        )
        return task


def _add_authority_writer(
    task: ecs.FargateTaskDefinition, region: str, log_group: logs.ILogGroup
) -> ecs.ContainerDefinition:
    container = task.add_container(
        "authority",
        image=ecs.ContainerImage.from_registry(_SHELL_IMAGE),
        essential=False,
        command=["sh", "-c", f'printf %s "$AUTHORITY" > {CA_FILE}'],
        environment={"AUTHORITY": authority.find_bundle(region).read_text()},
        logging=ecs.LogDrivers.aws_logs(stream_prefix="authority", log_group=log_group),
    )
    container.add_mount_points(_mount_point(read_only=False))
    return container


def _add_postgrest(
    task: ecs.FargateTaskDefinition, database: Database, uri: secretsmanager.ISecret, log_group: logs.ILogGroup
) -> ecs.ContainerDefinition:
    container = task.add_container(
        "postgrest",
        image=ecs.ContainerImage.from_registry(_POSTGREST_IMAGE),
        environment={
            "PGRST_DB_SCHEMAS": ",".join(database.schemas),
            "PGRST_DB_ANON_ROLE": database.anonymous_role,
            "PGRST_SERVER_PORT": str(PORT),
        },
        secrets={"PGRST_DB_URI": ecs.Secret.from_secrets_manager(uri)},
        readonly_root_filesystem=True,
        logging=ecs.LogDrivers.aws_logs(stream_prefix="postgrest", log_group=log_group),
        port_mappings=[ecs.PortMapping(container_port=PORT)],
    )
    container.add_mount_points(_mount_point(read_only=True))
    return container


def _mount_point(*, read_only: bool) -> ecs.MountPoint:
    return ecs.MountPoint(source_volume="authority", container_path="/authority", read_only=read_only)
