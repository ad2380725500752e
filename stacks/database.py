"""The database stack: PostgreSQL, who may read its secret, and PostgREST before it. Off unless the settings have it."""

from pathlib import Path

from aws_cdk import App, CfnOutput, Environment, Stack
from aws_cdk import aws_iam as iam

from brigade.settings import Database, Settings
from stacks import names
from stacks.parts.database_uri import UriSecret
from stacks.parts.network import Network
from stacks.parts.permissions import allow
from stacks.parts.postgres import NAME, PORT, USER, Postgres
from stacks.parts.postgrest import CA_FILE, Postgrest
from stacks.parts.rotation import Rotation


class DatabaseStack(Stack):
    """A network, PostgreSQL in its private subnets, its rotated secret, the URI's secret in step, and PostgREST."""

    def __init__(self, scope: App, *, settings: Settings, database: Database, root: Path, env: Environment) -> None:
        """Arguments: ``root``, the repository, of which the function's package is made."""
        super().__init__(
            scope, names.stack(settings.stage, "database"), env=env, description="Bucket Brigade: a database"
        )
        network = Network(self, "Network", port=PORT)
        postgres = Postgres(self, "Postgres", settings=settings, database=database, network=network)
        uri = UriSecret(
            self,
            "Uri",
            username=USER,
            password=postgres.password,
            host=postgres.instance.db_instance_endpoint_address,
            port=postgres.instance.db_instance_endpoint_port,
            dbname=NAME,
            # The database of the AWS on this machine has no TLS.
            options=f"sslmode=verify-full&sslrootcert={CA_FILE}" if settings.target == "aws" else "",
        )
        postgrest = Postgrest(self, "Postgrest", settings=settings, database=database, network=network, uri=uri)
        rotation = Rotation(
            self,
            "Rotation",
            settings=settings,
            days=database.rotate_days,
            secret=postgres.secret,
            uri=uri,
            network=network,
            root=root,
        )
        rotation.node.add_dependency(postgrest)
        policy = iam.ManagedPolicy(self, "Policy", description=f"Open the database of the stage {settings.stage}")
        allow(policy, ["secretsmanager:GetSecretValue"], [postgres.secret.secret_arn])
        CfnOutput(self, "DatabaseSecret", value=postgres.secret.secret_arn)
        CfnOutput(self, "DatabaseUriSecret", value=uri.secret_arn)
        CfnOutput(self, "DatabasePolicyArn", value=policy.managed_policy_arn)
