"""The Glue table over the deliveries of an inventory, in each of its three formats."""

from aws_cdk import aws_glue as glue
from constructs import Construct

from brigade.settings import Inventory
from stacks.parts.inventory import columns

_SERDES = {
    "CSV": "org.apache.hadoop.hive.serde2.OpenCSVSerde",
    "ORC": "org.apache.hadoop.hive.ql.io.orc.OrcSerde",
    "Parquet": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
}
LAKE_TABLE = "inventory"
"""Name of the table over the inventory of the lake."""


class InventoryTable(glue.CfnTable):
    """A table whose partition `dt` is one delivery. The file symlink.txt of the delivery names its data files.

    Athena computes the partitions, so no program registers them: each hour from `inventory.since` is a partition. A
    query without a condition on `dt` lists all of them.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-inventory-athena-query.html
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        catalog: str,
        database: str,
        deliveries: str,
        inventory: Inventory,
        name: str = LAKE_TABLE,
    ) -> None:
        """Create the table.

        Args:
            scope: The parent construct.
            construct_id: The id of this construct in `scope`.
            catalog: The account id, which identifies the Glue catalog.
            database: Name of the Glue database.
            deliveries: The `s3://` URI of the folder of the inventory configuration, without a slash at the end.
            inventory: The settings of the inventory.
            name: Name of the table.
        """
        super().__init__(
            scope,
            construct_id,
            catalog_id=catalog,
            database_name=database,
            table_input=glue.CfnTable.TableInputProperty(
                name=name,
                # A changed table loses the AdditionalLocations below until the next delivery.
                description="S3 Inventory of a bucket: a row an object (or version); dt is the delivery",
                table_type="EXTERNAL_TABLE",
                parameters={
                    "EXTERNAL": "TRUE",
                    "classification": inventory.format.lower(),
                    "projection.enabled": "true",
                    "projection.dt.type": "date",
                    "projection.dt.format": "yyyy-MM-dd-HH-mm",
                    "projection.dt.range": f"{inventory.since},NOW",
                    "projection.dt.interval": "1",
                    "projection.dt.interval.unit": "HOURS",
                    "storage.location.template": f"{deliveries}/hive/dt=${{dt}}/",
                },
                partition_keys=[glue.CfnTable.ColumnProperty(name="dt", type="string")],
                storage_descriptor=glue.CfnTable.StorageDescriptorProperty(
                    # With Lake Formation, Athena reads only inside the location of a table. The folder `data/`, which
                    # the files in `hive/` name, is beside `hive/`, so the location is their parent. CloudFormation
                    # does not support AdditionalLocations, so brigade/inventory/setup/glue_table.py sets them in Glue.
                    location=f"{deliveries}/",
                    columns=[
                        glue.CfnTable.ColumnProperty(name=column.name, type=column.type_in(inventory.format))
                        for column in columns(inventory.versions)
                    ],
                    input_format="org.apache.hadoop.hive.ql.io.SymlinkTextInputFormat",
                    output_format="org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
                    serde_info=glue.CfnTable.SerdeInfoProperty(
                        serialization_library=_SERDES[inventory.format], parameters={"serialization.format": "1"}
                    ),
                ),
            ),
        )
