"""Where a database and its clients are: a network of two zones, whose insides nobody reaches from outside."""

from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from stacks.parts import nag

RANGE = "10.0.0.0/16"


class Network(Construct):
    """A VPC with subnets for clients, which reach out by one NAT gateway, and subnets for data, which reach nothing.

    ``clients`` is the security group of those that may open the database, ``data`` that of the database.
    """

    inside = ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS)
    isolated = ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_ISOLATED)

    def __init__(self, scope: Construct, construct_id: str, *, port: int) -> None:
        """Arguments: ``port``, the database's, which the clients' group may reach and nobody else."""
        super().__init__(scope, construct_id)
        self.vpc = ec2.Vpc(
            self,
            "Vpc",
            ip_addresses=ec2.IpAddresses.cidr(RANGE),
            max_azs=2,
            nat_gateways=1,
            # CDK's own way brings a function that may change any security group; no group of ours is the default one.
            restrict_default_security_group=False,
            subnet_configuration=[
                ec2.SubnetConfiguration(name="Out", subnet_type=ec2.SubnetType.PUBLIC, cidr_mask=26),
                ec2.SubnetConfiguration(name="Clients", subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS, cidr_mask=22),
                ec2.SubnetConfiguration(name="Data", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED, cidr_mask=26),
            ],
        )
        nag.accept(self.vpc, "VPC7", "Flow logs are paid by the GiB; a team that must audit its network turns them on.")
        self.clients = ec2.SecurityGroup(
            self, "Clients", vpc=self.vpc, description="May open the database", allow_all_outbound=True
        )
        self.data = ec2.SecurityGroup(self, "Data", vpc=self.vpc, description="The database", allow_all_outbound=False)
        self.data.add_ingress_rule(self.clients, ec2.Port.tcp(port), "The database's clients")
