"""PostgreSQL on RDS, with its password in a secret of Secrets Manager."""

from aws_cdk import RemovalPolicy
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_rds as rds
from constructs import Construct

from brigade.settings import Database, Settings
from stacks.parts import nag
from stacks.parts.database_uri import AlphanumericPassword
from stacks.parts.network import Network

USER = "brigade"
NAME = "brigade"
PORT = 5433


class PostgresInstance(Construct):
    """One encrypted instance that accepts TLS connections only.

    Where the setting `removal` is `retain`, it runs in two availability zones, and deleting the stack keeps it.

    Attributes:
        instance: The RDS instance.
        password: The secret with username and password.
        secret: The same secret after RDS added engine, host, port and dbname to it.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, settings: Settings, database: Database, network: Network
    ) -> None:
        super().__init__(scope, construct_id)
        keep = settings.removal == "retain"
        self.password = AlphanumericPassword(
            self, "Secret", username=USER, description="User, password and address of the database"
        )
        self.instance = rds.DatabaseInstance(
            self,
            "Instance",
            # On RDS, PostgreSQL 15 and later refuse a connection without TLS: rds.force_ssl is on by default.
            engine=rds.DatabaseInstanceEngine.postgres(version=rds.PostgresEngineVersion.VER_18),
            instance_type=ec2.InstanceType(database.instance),
            vpc=network.vpc,
            vpc_subnets=network.isolated_subnets,
            security_groups=[network.database_security_group],
            credentials=rds.Credentials.from_secret(self.password, USER),
            database_name=NAME,
            port=PORT,
            allocated_storage=database.storage_gib,
            storage_type=rds.StorageType.GP3,
            storage_encrypted=True,
            multi_az=keep,
            deletion_protection=keep,
            removal_policy=RemovalPolicy.RETAIN if keep else RemovalPolicy.DESTROY,
            copy_tags_to_snapshot=True,
            auto_minor_version_upgrade=True,
        )
        if not keep:
            nag.accept(
                self.instance, "RDS3", "A stage that is deleted with its data does not need a second availability zone."
            )
            nag.accept(self.instance, "RDS10", "A stage that is deleted with its buckets deletes its database too.")
        attached = self.instance.secret
        assert attached is not None  # noqa: S101 - the credentials above come from a secret
        self.secret = attached
