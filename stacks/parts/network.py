"""The VPC of a database and its clients, in two availability zones, without access from the internet."""

from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from stacks.parts import nag

CIDR = "10.0.0.0/16"


class Network(Construct):
    """A VPC whose clients reach the internet by one NAT gateway, and whose database reaches nothing.

    Attributes:
        vpc: The VPC.
        private_subnets: The subnets of the clients.
        isolated_subnets: The subnets of the database.
        client_security_group: The security group of the clients. Only its members may connect to the database.
        database_security_group: The security group of the database.
    """

    private_subnets = ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS)
    isolated_subnets = ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_ISOLATED)

    def __init__(self, scope: Construct, construct_id: str, *, port: int) -> None:
        """Create the VPC and its security groups.

        Args:
            scope: The parent construct.
            construct_id: The id of this construct in `scope`.
            port: The port of the database.
        """
        super().__init__(scope, construct_id)
        self.vpc = ec2.Vpc(
            self,
            "Vpc",
            ip_addresses=ec2.IpAddresses.cidr(CIDR),
            max_azs=2,
            nat_gateways=1,
            # CDK would add a function that may change any security group. Nothing here uses the default group.
            restrict_default_security_group=False,
            subnet_configuration=[
                ec2.SubnetConfiguration(name="Out", subnet_type=ec2.SubnetType.PUBLIC, cidr_mask=26),
                ec2.SubnetConfiguration(name="Clients", subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS, cidr_mask=22),
                ec2.SubnetConfiguration(name="Data", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED, cidr_mask=26),
            ],
        )
        nag.accept(self.vpc, "VPC7", "Flow logs cost money per GiB. A team that must audit its network turns them on.")
        # A changed description would replace the security group.
        self.client_security_group = ec2.SecurityGroup(
            self, "Clients", vpc=self.vpc, description="May open the database", allow_all_outbound=True
        )
        self.database_security_group = ec2.SecurityGroup(
            self, "Data", vpc=self.vpc, description="The database", allow_all_outbound=False
        )
        self.database_security_group.add_ingress_rule(
            self.client_security_group, ec2.Port.tcp(port), "The database's clients"
        )
