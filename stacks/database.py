"""The database stack: PostgreSQL, a policy to read its secret, and PostgREST. The setting `database` turns it on."""

from pathlib import Path

from aws_cdk import App, CfnOutput, Environment, Stack
from aws_cdk import aws_iam as iam

from brigade import names
from brigade.settings import Database, Settings
from stacks.parts.database_uri import UriSecret
from stacks.parts.network import Network
from stacks.parts.permissions import allow
from stacks.parts.postgres import NAME, PORT, USER, PostgresInstance
from stacks.parts.postgrest import CA_FILE, Postgrest
from stacks.parts.rotation import PasswordRotation


class DatabaseStack(Stack):
    """A VPC, PostgreSQL in its isolated subnets, two secrets with a rotation, and PostgREST."""

    def __init__(self, scope: App, *, settings: Settings, database: Database, root: Path, env: Environment) -> None:
        """Create the stack.

        Args:
            scope: The app.
            settings: The settings of the stage.
            database: The settings of the database.
            root: The root folder of the repository, which contains the code of the function.
            env: The account and region to deploy to.
        """
        super().__init__(
            scope, names.stack(settings.stage, "database"), env=env, description="Bucket Brigade: a database"
        )
        network = Network(self, "Network", port=PORT)
        postgres = PostgresInstance(self, "Postgres", settings=settings, database=database, network=network)
        uri = UriSecret(
            self,
            "Uri",
            username=USER,
            password=postgres.password,
            host=postgres.instance.db_instance_endpoint_address,
            port=postgres.instance.db_instance_endpoint_port,
            dbname=NAME,
            # The database of the local AWS does not support TLS.
            options=f"sslmode=verify-full&sslrootcert={CA_FILE}" if settings.target == "aws" else "",
        )
        postgrest = Postgrest(self, "Postgrest", settings=settings, database=database, network=network, uri=uri)
        rotation = PasswordRotation(
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
        # A changed description would replace the policy and detach it from its users.
        policy = iam.ManagedPolicy(self, "Policy", description=f"Open the database of the stage {settings.stage}")
        allow(policy, ["secretsmanager:GetSecretValue"], [postgres.secret.secret_arn])
        CfnOutput(self, "DatabaseSecret", value=postgres.secret.secret_arn)
        CfnOutput(self, "DatabaseUriSecret", value=uri.secret_arn)
        CfnOutput(self, "DatabasePolicyArn", value=policy.managed_policy_arn)
