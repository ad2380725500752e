"""What a delivery sets off when it arrives."""

from pathlib import Path

from aws_cdk import Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from brigade.catalog import table
from brigade.settings import Settings
from stacks import names
from stacks.parts.athena_access import allow_asking, allow_table
from stacks.parts.lambda_function import Function
from stacks.parts.package import Package
from stacks.parts.permissions import allow, allow_key, allow_list, allow_objects

SERVICE = "inventory"


class Arrival(Construct):
    """A function that EventBridge starts with each delivery that is whole: ``lambdas/inventory/arrived.py``."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        lake: s3.IBucket,
        reports: s3.IBucket,
        state: s3.IBucket,
        key: kms.IKey | None,
        root: Path,
    ) -> None:
        """Arguments: ``root``, the repository."""
        super().__init__(scope, construct_id)
        stage, prefix = settings.stage, settings.inventory.prefix
        made = Function(
            self,
            "Arrived",
            name=names.inventory_arrived(stage),
            service=SERVICE,
            package=Package.of_inventory(root, settings.target, "arrived"),
            environment={
                "BRIGADE_STAGE": stage,
                "BRIGADE_LAKE_BUCKET": lake.bucket_name,
                "BRIGADE_STATE_BUCKET": state.bucket_name,
                "BRIGADE_DATABASE": names.database(stage),
                "BRIGADE_WORKGROUP": names.workgroup(stage),
            },
            settings=settings,
        )
        role = made.role
        allow_list(role, reports, state)
        allow_asking(role, stage=stage, deliveries=prefix, reports=reports, table=f"{table()}*")
        allow_objects(role, state, ["inventory/*"], "s3:GetObject", "s3:PutObject")
        allow_key(role, key, "Decrypt", "GenerateDataKey")
        allow_table(role, stage, f"{table()}*", "UpdateTable")
        stack = Stack.of(self)
        bus = f"arn:{stack.partition}:events:{stack.region}:{stack.account}:event-bus/default"
        allow(role, ["events:PutEvents"], [bus])
        self._start(made, reports, f"{prefix}/*/{settings.inventory.id}")

    def _start(self, made: Function, reports: s3.IBucket, folder: str) -> None:
        """Have EventBridge start the function with each ``manifest.checksum`` below ``folder``, which is a pattern.

        It is that of the stage's own configuration on any bucket: what somebody else has delivered beside it is theirs.
        """
        written = {
            "bucket": {"name": [reports.bucket_name]},
            "object": {"key": [{"wildcard": f"{folder}/*/manifest.checksum"}]},
        }
        events.Rule(
            self,
            "Whole",
            description="S3 has finished a delivery: it writes manifest.checksum last",
            event_pattern=events.EventPattern(source=["aws.s3"], detail_type=["Object Created"], detail=written),
            targets=[targets.LambdaFunction(made.function, retry_attempts=4)],
        )
