"""The function that handles each S3 Inventory delivery, and the rule that starts it."""

from pathlib import Path

from aws_cdk import Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_s3 as s3
from constructs import Construct

from brigade import layout, names
from brigade.catalog import table
from brigade.settings import Settings
from lambdas.inventory.environment import DeliveryEnvironment
from stacks.parts.athena_access import allow_queries, allow_table_action
from stacks.parts.bucket import StageBuckets
from stacks.parts.lambda_function import LambdaFunction
from stacks.parts.package import Package
from stacks.parts.permissions import allow, allow_key, allow_list, allow_objects

SERVICE = "inventory"


class DeliveryHandler(Construct):
    """A function that EventBridge starts for each complete delivery: `lambdas/inventory/arrived.py`."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        buckets: StageBuckets,
        root: Path,
    ) -> None:
        """Create the function and its rule.

        Args:
            scope: The parent construct.
            construct_id: The id of this construct in `scope`.
            settings: The settings of the stage.
            buckets: The buckets and the KMS key of the stage.
            root: The root folder of the repository.
        """
        super().__init__(scope, construct_id)
        stage, prefix = settings.stage, settings.inventory.prefix
        handler = LambdaFunction(
            self,
            "Arrived",
            name=names.inventory_arrived(stage),
            service=SERVICE,
            package=Package.of_inventory(root, settings.target, "arrived"),
            environment=DeliveryEnvironment(
                stage=stage,
                lake_bucket=buckets.lake.bucket_name,
                state_bucket=buckets.state.bucket_name,
                database=names.database(stage),
                workgroup=names.workgroup(stage),
            ),
            settings=settings,
        )
        role = handler.role
        allow_list(role, buckets.reports, buckets.state)
        allow_queries(role, stage=stage, deliveries=prefix, reports=buckets.reports, table=f"{table()}*")
        allow_objects(role, buckets.state, [f"{layout.SUMMARIES}/*"], "s3:GetObject", "s3:PutObject")
        allow_key(role, buckets.key, "Decrypt", "GenerateDataKey")
        allow_table_action(role, stage, f"{table()}*", "UpdateTable")
        stack = Stack.of(self)
        event_bus = f"arn:{stack.partition}:events:{stack.region}:{stack.account}:event-bus/default"
        allow(role, ["events:PutEvents"], [event_bus])
        self._add_rule(handler, buckets.reports, f"{prefix}/*/{settings.inventory.id}")

    def _add_rule(self, handler: LambdaFunction, reports: s3.IBucket, folder: str) -> None:
        """Start the function for each `manifest.checksum` in `folder`.

        Args:
            handler: The function.
            reports: The bucket that receives the deliveries.
            folder: Pattern of the folders of the stage's own inventory configuration, on any bucket. Deliveries of
                other configurations start nothing.
        """
        detail = {
            "bucket": {"name": [reports.bucket_name]},
            "object": {"key": [{"wildcard": f"{folder}/*/manifest.checksum"}]},
        }
        events.Rule(
            self,
            "Whole",
            description="A delivery is complete: S3 wrote manifest.checksum, its last file",
            event_pattern=events.EventPattern(source=["aws.s3"], detail_type=["Object Created"], detail=detail),
            targets=[targets.LambdaFunction(handler.function, retry_attempts=4)],
        )
