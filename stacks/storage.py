"""The storage stack: the lake, the reports about it, and what runs remember."""

from typing import cast

from aws_cdk import App, CfnOutput, Environment, Stack
from aws_cdk import aws_s3 as s3

from brigade import layout
from brigade.settings import Settings
from stacks import names
from stacks.parts import inventory, nag
from stacks.parts.bucket import Bucket
from stacks.parts.key import Key


class StorageStack(Stack):
    """Three buckets (lake, reports, state), S3 Inventory from the first to the second, and a key if wanted."""

    def __init__(self, scope: App, *, settings: Settings, env: Environment) -> None:
        super().__init__(scope, names.stack(settings.stage, "storage"), env=env, description="Bucket Brigade: buckets")
        destroy = settings.removal == "destroy"
        keep = settings.retention
        existing = [bucket.name for bucket in settings.buckets]
        kms = settings.encryption == "kms"
        self.key = Key(self, "Key", destroy=destroy, existing=existing) if kms else None
        self.lake = self._bucket("Lake", settings, versioned=True)
        self.reports = self._bucket(
            "Reports",
            settings,
            versioned=False,
            expire=[
                (f"{settings.inventory.prefix}/", keep.deliveries),
                (f"{layout.JOB_REPORTS}/", keep.job_reports),
                (f"{layout.MANIFESTS}/", keep.job_reports),
                (f"{layout.QUERIES}/", keep.query_results),
            ],
        )
        if settings.metadata_tables:
            cast(
                s3.CfnBucket, self.lake.node.default_child
            ).metadata_configuration = s3.CfnBucket.MetadataConfigurationProperty(
                journal_table_configuration=s3.CfnBucket.JournalTableConfigurationProperty(
                    record_expiration=s3.CfnBucket.RecordExpirationProperty(
                        expiration="ENABLED", days=max(settings.retention.deliveries, 7)
                    )
                ),
                inventory_table_configuration=s3.CfnBucket.InventoryTableConfigurationProperty(
                    configuration_state="ENABLED"
                ),
            )
        # Not Bucket's own event_bridge_enabled, which would bring a function that may change any bucket.
        cast(
            s3.CfnBucket, self.reports.node.default_child
        ).notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
            event_bridge_configuration=s3.CfnBucket.EventBridgeConfigurationProperty(event_bridge_enabled=True)
        )
        self.state = self._bucket("State", settings, versioned=True)
        inventory.deliver(
            source=self.lake,
            destination=self.reports,
            inventory=settings.inventory,
            existing=existing,
        )

        CfnOutput(self, "LakeBucket", value=self.lake.bucket_name)
        CfnOutput(self, "ReportsBucket", value=self.reports.bucket_name)
        CfnOutput(self, "StateBucket", value=self.state.bucket_name)
        CfnOutput(self, "InventoryId", value=settings.inventory.id)
        CfnOutput(self, "InventoryPrefix", value=settings.inventory.prefix)
        CfnOutput(self, "InventoryFormat", value=settings.inventory.format)

    def _bucket(
        self, name: str, settings: Settings, *, versioned: bool, expire: list[tuple[str, int]] | None = None
    ) -> Bucket:
        bucket = Bucket(
            self,
            name,
            key=self.key,
            destroy=settings.removal == "destroy",
            versioned=versioned,
            old_version_days=settings.retention.old_versions,
            unfinished_upload_days=settings.retention.unfinished_uploads,
            expire=expire or [],
        )
        nag.accept(
            bucket,
            "S1",
            "Server access logs add an object for every few requests, to buckets that are read a million keys at a "
            "time; a team that must audit reads has CloudTrail's data events, which know who called.",
        )
        return bucket
