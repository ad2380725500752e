"""The Athena workgroup for queries over the inventory."""

from aws_cdk import aws_athena as athena
from aws_cdk import aws_kms as kms
from constructs import Construct

_GIB = 1024**3


class Workgroup(athena.CfnWorkGroup):
    """A workgroup that encrypts results, stores them in one place, and stops a query that reads more than a limit.

    No query can override these settings.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        results: str,
        key: kms.IKey | None,
        scan_limit_gib: int,
    ) -> None:
        """Create the workgroup.

        Args:
            scope: The parent construct.
            construct_id: The id of this construct in `scope`.
            name: Name of the workgroup.
            results: The `s3://` URI of the folder for results.
            key: The KMS key that encrypts the results. None selects SSE-S3.
            scan_limit_gib: GiB that one query may read.
        """
        super().__init__(
            scope,
            construct_id,
            name=name,
            description="SQL over the lake's inventory",
            # Deleting the workgroup deletes its query history. The results stay in the bucket.
            recursive_delete_option=True,
            work_group_configuration=athena.CfnWorkGroup.WorkGroupConfigurationProperty(
                enforce_work_group_configuration=True,
                publish_cloud_watch_metrics_enabled=True,
                bytes_scanned_cutoff_per_query=scan_limit_gib * _GIB,
                engine_version=athena.CfnWorkGroup.EngineVersionProperty(
                    selected_engine_version="Athena engine version 3"
                ),
                result_configuration=athena.CfnWorkGroup.ResultConfigurationProperty(
                    output_location=results,
                    encryption_configuration=athena.CfnWorkGroup.EncryptionConfigurationProperty(
                        encryption_option="SSE_KMS" if key else "SSE_S3", kms_key=key.key_arn if key else None
                    ),
                ),
            ),
        )
