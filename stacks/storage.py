"""The storage stack: the buckets for data (lake), reports and state, and the KMS key."""

from typing import cast

from aws_cdk import App, CfnOutput, Environment, Stack
from aws_cdk import aws_s3 as s3

from brigade import layout, names
from brigade.settings import Settings
from stacks.parts import nag
from stacks.parts.bucket import PrivateBucket, StageBuckets
from stacks.parts.inventory import configure_inventory
from stacks.parts.key import StageKey


class StorageStack(Stack):
    """Three buckets, an S3 Inventory of the lake, and a KMS key if the setting `encryption` is `kms`.

    Attributes:
        buckets: The three buckets and the key.
    """

    def __init__(self, scope: App, *, settings: Settings, env: Environment) -> None:
        """Create the stack.

        Args:
            scope: The app.
            settings: The settings of the stage.
            env: The account and region to deploy to.
        """
        super().__init__(scope, names.stack(settings.stage, "storage"), env=env, description="Bucket Brigade: buckets")
        destroy = settings.removal == "destroy"
        retention = settings.retention
        existing = [bucket.name for bucket in settings.buckets]
        kms = settings.encryption == "kms"
        key = StageKey(self, "Key", destroy=destroy, existing=existing) if kms else None
        lake = self._create_bucket("Lake", settings, key, versioned=True)
        reports = self._create_bucket(
            "Reports",
            settings,
            key,
            versioned=False,
            expire=[
                (f"{settings.inventory.prefix}/", retention.deliveries),
                (f"{layout.JOB_REPORTS}/", retention.job_reports),
                (f"{layout.MANIFESTS}/", retention.job_reports),
                (f"{layout.QUERIES}/", retention.query_results),
            ],
        )
        if settings.metadata_tables:
            _add_metadata_tables(lake, days=retention.deliveries)
        # CDK's parameter event_bridge_enabled would add a function that may change any bucket.
        cast(
            s3.CfnBucket, reports.node.default_child
        ).notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
            event_bridge_configuration=s3.CfnBucket.EventBridgeConfigurationProperty(event_bridge_enabled=True)
        )
        state = self._create_bucket("State", settings, key, versioned=True)
        configure_inventory(source=lake, destination=reports, inventory=settings.inventory, existing=existing)
        self.buckets = StageBuckets(lake, reports, state, key)
        self._add_outputs(settings)

    def _add_outputs(self, settings: Settings) -> None:
        CfnOutput(self, "LakeBucket", value=self.buckets.lake.bucket_name)
        CfnOutput(self, "ReportsBucket", value=self.buckets.reports.bucket_name)
        CfnOutput(self, "StateBucket", value=self.buckets.state.bucket_name)
        CfnOutput(self, "InventoryId", value=settings.inventory.id)
        CfnOutput(self, "InventoryPrefix", value=settings.inventory.prefix)
        CfnOutput(self, "InventoryFormat", value=settings.inventory.format)

    def _create_bucket(
        self,
        name: str,
        settings: Settings,
        key: StageKey | None,
        *,
        versioned: bool,
        expire: list[tuple[str, int]] | None = None,
    ) -> PrivateBucket:
        bucket = PrivateBucket(
            self,
            name,
            key=key,
            destroy=settings.removal == "destroy",
            versioned=versioned,
            old_version_days=settings.retention.old_versions,
            unfinished_upload_days=settings.retention.unfinished_uploads,
            expire=expire or [],
        )
        nag.accept(
            bucket,
            "S1",
            "Server access logs write an object for every few requests, and programs read millions of keys here. "
            "A team that must audit reads uses CloudTrail data events, which name the caller.",
        )
        return bucket


def _add_metadata_tables(bucket: PrivateBucket, *, days: int) -> None:
    """Turn on S3 Metadata for `bucket`, with journal records that expire after `days`, 7 at least."""
    journal = s3.CfnBucket.JournalTableConfigurationProperty(
        record_expiration=s3.CfnBucket.RecordExpirationProperty(expiration="ENABLED", days=max(days, 7))
    )
    live = s3.CfnBucket.InventoryTableConfigurationProperty(configuration_state="ENABLED")
    cast(s3.CfnBucket, bucket.node.default_child).metadata_configuration = s3.CfnBucket.MetadataConfigurationProperty(
        journal_table_configuration=journal, inventory_table_configuration=live
    )
