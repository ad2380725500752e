"""Who may ask Athena of the deliveries."""

from aws_cdk import Stack
from aws_cdk import aws_s3 as s3

from stacks import names
from stacks.parts.permissions import Grantee, allow, allow_objects, arn


def allow_asking(grantee: Grantee, *, stage: str, deliveries: str, reports: s3.IBucket, table: str) -> None:
    """Let ``grantee`` query ``table`` in the stage's workgroup: Athena reads and writes as whoever asks.

    Arguments: ``deliveries``, the prefix of the inventories in ``reports``; ``table``, its name or a pattern. Projected
    partitions are asked of nobody.
    """
    stack = Stack.of(grantee)

    def named(service: str, resource: str) -> str:
        return f"arn:{stack.partition}:{service}:{stack.region}:{stack.account}:{resource}"

    database, workgroup = names.database(stage), names.workgroup(stage)
    allow_objects(grantee, reports, [f"{deliveries}/*", "queries/*"], "s3:GetObject")
    allow_objects(grantee, reports, ["queries/*"], "s3:PutObject")
    allow(grantee, ["s3:GetBucketLocation"], [arn(reports)])
    asking = ["StartQueryExecution", "GetQueryExecution", "GetQueryResults"]
    allow(grantee, [f"athena:{action}" for action in asking], [named("athena", f"workgroup/{workgroup}")])
    above = [named("glue", what) for what in ("catalog", f"database/{database}")]
    allow(grantee, ["glue:GetDatabase"], above)
    allow_table(grantee, stage, table, "GetTable")


def allow_table(grantee: Grantee, stage: str, table: str, action: str) -> None:
    """Let ``grantee`` do an action of Glue's to a table, by its name or a pattern: Glue asks for what is above it too.

    https://docs.aws.amazon.com/glue/latest/dg/glue-specifying-resource-arns.html
    """
    stack, database = Stack.of(grantee), names.database(stage)
    glue = f"arn:{stack.partition}:glue:{stack.region}:{stack.account}"
    allow(
        grantee,
        [f"glue:{action}"],
        [f"{glue}:{what}" for what in ("catalog", f"database/{database}", f"table/{database}/{table}")],
        because="Tables are made by `inventory enable` too; nothing else in the stage's own database has such a name.",
    )
