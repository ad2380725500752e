"""PostgreSQL on RDS: reached by its clients only, its password in a secret that knows where it is."""

from aws_cdk import RemovalPolicy
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_rds as rds
from constructs import Construct

from brigade.settings import Database, Settings
from stacks.parts import nag
from stacks.parts.database_uri import PlainPassword
from stacks.parts.network import Network

USER = "brigade"
NAME = "brigade"
PORT = 5433


class Postgres(Construct):
    """One instance, encrypted, in two zones and kept where the stage is kept; TLS is all that it speaks.

    ``password`` is the secret as it was made, ``secret`` the same one attached: with engine, host, port and dbname.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, settings: Settings, database: Database, network: Network
    ) -> None:
        super().__init__(scope, construct_id)
        keep = settings.removal == "retain"
        self.password = PlainPassword(self, "Secret", username=USER, description="Who opens the database, and how")
        self.instance = rds.DatabaseInstance(
            self,
            "Instance",
            # PostgreSQL 15 and newer on RDS refuse a connection without TLS (rds.force_ssl).
            engine=rds.DatabaseInstanceEngine.postgres(version=rds.PostgresEngineVersion.VER_18),
            instance_type=ec2.InstanceType(database.instance),
            vpc=network.vpc,
            vpc_subnets=network.isolated,
            security_groups=[network.data],
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
                self.instance, "RDS3", "A stage that destroys its buckets with itself can be without its database."
            )
            nag.accept(
                self.instance, "RDS10", "A stage that destroys its buckets with itself destroys its database too."
            )
        attached = self.instance.secret
        assert attached is not None  # noqa: S101 - it was made of one
        self.secret = attached
