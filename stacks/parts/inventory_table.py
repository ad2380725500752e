"""The Glue table over the inventory's deliveries, for each of the three formats."""

from aws_cdk import aws_glue as glue
from constructs import Construct

from brigade.settings import Inventory
from stacks.parts.inventory import columns

_SERDES = {
    "CSV": "org.apache.hadoop.hive.serde2.OpenCSVSerde",
    "ORC": "org.apache.hadoop.hive.ql.io.orc.OrcSerde",
    "Parquet": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
}
NAME = "inventory"


class InventoryTable(glue.CfnTable):
    """A table whose partition ``dt`` is a delivery; which files belong to it is read from the delivery's symlink.txt.

    Partitions are projected, so nothing has to be registered: each hour from ``inventory.since`` on is one, and a query
    without ``dt`` lists every one of them. Where they are says the template; the location holds ``data/`` too.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-inventory-athena-query.html
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
        name: str = NAME,
    ) -> None:
        """Arguments: ``deliveries``, the ``s3://`` URI of the configuration's folder, without a slash at its end."""
        csv = inventory.format == "CSV"
        super().__init__(
            scope,
            construct_id,
            catalog_id=catalog,
            database_name=database,
            table_input=glue.CfnTable.TableInputProperty(
                name=name,
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
                    # Lake Formation lets Athena read no further than a table's locations, and the data that hive/
                    # points to is beside it: so both. AdditionalLocations, which is Glue's alone and not
                    # CloudFormation's, is said with each delivery: brigade/inventory/table.py.
                    location=f"{deliveries}/",
                    columns=[
                        glue.CfnTable.ColumnProperty(name=column.name, type=column.text if csv else column.typed)
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
