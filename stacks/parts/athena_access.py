"""Permissions to query the deliveries with Athena."""

from aws_cdk import Stack
from aws_cdk import aws_s3 as s3

from brigade import layout, names
from stacks.parts.permissions import Grantee, allow, allow_objects, bucket_arn


def allow_queries(grantee: Grantee, *, stage: str, deliveries: str, reports: s3.IBucket, table: str) -> None:
    """Allow to query `table` in the workgroup of the stage.

    Athena reads and writes with the permissions of the caller. It computes projected partitions itself, so no
    permission for partitions is needed.

    Args:
        grantee: The role or managed policy.
        stage: Name of the stage.
        deliveries: Prefix of the inventories in `reports`, without a slash at the end.
        reports: The bucket with the deliveries and the results of queries.
        table: Name of the table, or a pattern of names.
    """
    stack = Stack.of(grantee)

    def format_arn(service: str, resource: str) -> str:
        return f"arn:{stack.partition}:{service}:{stack.region}:{stack.account}:{resource}"

    database, workgroup = names.database(stage), names.workgroup(stage)
    allow_objects(grantee, reports, [f"{deliveries}/*", f"{layout.QUERIES}/*"], "s3:GetObject")
    allow_objects(grantee, reports, [f"{layout.QUERIES}/*"], "s3:PutObject")
    allow(grantee, ["s3:GetBucketLocation"], [bucket_arn(reports)])
    actions = ["StartQueryExecution", "GetQueryExecution", "GetQueryResults"]
    allow(grantee, [f"athena:{action}" for action in actions], [format_arn("athena", f"workgroup/{workgroup}")])
    parents = [format_arn("glue", resource) for resource in ("catalog", f"database/{database}")]
    allow(grantee, ["glue:GetDatabase"], parents)
    allow_table_action(grantee, stage, table, "GetTable")


def allow_table_action(grantee: Grantee, stage: str, table: str, action: str) -> None:
    """Allow a Glue action on a table. Glue also checks it on the database and the catalog that hold the table.

    Args:
        grantee: The role or managed policy.
        stage: Name of the stage.
        table: Name of the table, or a pattern of names.
        action: Action without `glue:`.

    Source: https://docs.aws.amazon.com/glue/latest/dg/glue-specifying-resource-arns.html
    """
    stack, database = Stack.of(grantee), names.database(stage)
    glue = f"arn:{stack.partition}:glue:{stack.region}:{stack.account}"
    allow(
        grantee,
        [f"glue:{action}"],
        [f"{glue}:{resource}" for resource in ("catalog", f"database/{database}", f"table/{database}/{table}")],
        because="`brigade inventory enable` creates tables too. Only tables of an inventory have such a name.",
    )
