"""The Athena workgroup in which the inventory is queried."""

from aws_cdk import aws_athena as athena
from aws_cdk import aws_kms as kms
from constructs import Construct

_GIB = 1024**3


class Workgroup(athena.CfnWorkGroup):
    """Encrypted results in one place, and an end to a scan that costs too much; no query can opt out."""

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
        """Arguments: ``results``, the ``s3://`` URI of the results; ``scan_limit_gib``, what one query may read."""
        super().__init__(
            scope,
            construct_id,
            name=name,
            description="SQL over the lake's inventory",
            # What goes with it is the list of who asked what; the results are in the bucket.
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
