"""PostgREST: a REST interface to PostgreSQL, on Fargate, of which the URI is a secret."""

from aws_cdk import RemovalPolicy
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_servicediscovery as servicediscovery
from constructs import Construct

from brigade.database import authority
from brigade.settings import Database, Settings
from stacks import names
from stacks.parts import nag
from stacks.parts.network import RANGE, Network
from stacks.parts.permissions import allow

CA_FILE = "/authority/rds.pem"
"""Where PostgREST finds the authorities that sign for the database."""
PORT = 3000
_POSTGREST = "postgrest/postgrest:v13.0.0"
_SHELL = "busybox:1.37"


class Postgrest(Construct):
    """One task, reached inside the network at ``postgrest.<stage>.internal:3000``.

    Its image has nothing but the program, so a container before it writes the authorities into a file for it.
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
        """Arguments: ``uri``, the secret with the whole URI, read as a task starts."""
        super().__init__(scope, construct_id)
        stage = settings.stage
        cluster = ecs.Cluster(
            self,
            "Cluster",
            cluster_name=names.cluster(stage),
            vpc=network.vpc,
            container_insights_v2=ecs.ContainerInsights.ENABLED,
        )
        task = self._task(settings, database, uri)
        ecs.FargateService(
            self,
            "Service",
            service_name=names.POSTGREST,
            cluster=cluster,
            task_definition=task,
            desired_count=1,
            min_healthy_percent=100,
            vpc_subnets=network.inside,
            security_groups=[network.clients],
            circuit_breaker=ecs.DeploymentCircuitBreaker(rollback=False),
            cloud_map_options=ecs.CloudMapOptions(
                name="postgrest",
                cloud_map_namespace=servicediscovery.PrivateDnsNamespace(
                    self, "Names", name=f"{stage}.internal", vpc=network.vpc
                ),
            ),
        )
        network.clients.add_ingress_rule(ec2.Peer.ipv4(RANGE), ec2.Port.tcp(PORT), "PostgREST")

    def _task(self, settings: Settings, database: Database, uri: secretsmanager.ISecret) -> ecs.FargateTaskDefinition:
        log = logs.LogGroup(
            self,
            "Log",
            retention=logs.RetentionDays.ONE_MONTH,
            removal_policy=RemovalPolicy.DESTROY if settings.removal == "destroy" else RemovalPolicy.RETAIN,
        )
        role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com"))
        # Not CDK's own grants, which are wider: to start a task takes reading one secret and writing one log.
        allow(role, ["secretsmanager:GetSecretValue"], [uri.secret_arn])
        allow(role, ["logs:CreateLogStream", "logs:PutLogEvents"], [log.log_group_arn])
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
        nag.accept(task, "ECS2", "What is written there is no secret: the URI is one, and is not written there.")
        writer = _writer(task, settings.region or "us-east-1", log)
        postgrest = _postgrest(task, database, uri, log)
        postgrest.add_container_dependencies(
            ecs.ContainerDependency(container=writer, condition=ecs.ContainerDependencyCondition.SUCCESS)
        )
        return task


def _writer(task: ecs.FargateTaskDefinition, region: str, log: logs.ILogGroup) -> ecs.ContainerDefinition:
    writer = task.add_container(
        "authority",
        image=ecs.ContainerImage.from_registry(_SHELL),
        essential=False,
        command=["sh", "-c", f'printf %s "$AUTHORITY" > {CA_FILE}'],
        environment={"AUTHORITY": authority.file(region).read_text()},
        logging=ecs.LogDrivers.aws_logs(stream_prefix="authority", log_group=log),
    )
    writer.add_mount_points(_mount(read_only=False))
    return writer


def _postgrest(
    task: ecs.FargateTaskDefinition, database: Database, uri: secretsmanager.ISecret, log: logs.ILogGroup
) -> ecs.ContainerDefinition:
    postgrest = task.add_container(
        "postgrest",
        image=ecs.ContainerImage.from_registry(_POSTGREST),
        environment={
            "PGRST_DB_SCHEMAS": ",".join(database.schemas),
            "PGRST_DB_ANON_ROLE": database.anonymous_role,
            "PGRST_SERVER_PORT": str(PORT),
        },
        secrets={"PGRST_DB_URI": ecs.Secret.from_secrets_manager(uri)},
        readonly_root_filesystem=True,
        logging=ecs.LogDrivers.aws_logs(stream_prefix="postgrest", log_group=log),
        port_mappings=[ecs.PortMapping(container_port=PORT)],
    )
    postgrest.add_mount_points(_mount(read_only=True))
    return postgrest


def _mount(*, read_only: bool) -> ecs.MountPoint:
    return ecs.MountPoint(source_volume="authority", container_path="/authority", read_only=read_only)
