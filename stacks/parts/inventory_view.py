"""The view over the table of an inventory, which has the same column types in every format."""

import base64
import json

from aws_cdk import aws_glue as glue
from constructs import Construct

from brigade.catalog import KINDS, typed, view
from brigade.settings import Inventory
from stacks.parts.inventory import columns

_TYPES = {"string": "varchar", "bigint": "bigint", "boolean": "boolean", "timestamp": "timestamp(3)"}
"""The names of Glue's types in Athena's SQL engine."""


class TypedView(glue.CfnTable):
    """A view of a table with decoded keys, integer sizes, UTC timestamps, and NULL for empty values.

    The column `dt` names the delivery. Each query needs a condition on it, as with the table. The view is stored as
    Athena's CREATE VIEW stores one: the definition of Presto, in base64, in the text of the view.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        catalog: str,
        database: str,
        table: str,
        inventory: Inventory,
    ) -> None:
        """Create the view.

        Args:
            scope: The parent construct.
            construct_id: The id of this construct in `scope`.
            catalog: The account id, which identifies the Glue catalog.
            database: Name of the Glue database as text, not as a reference, because the definition contains it.
            table: Name of the table.
            inventory: The settings of the inventory.
        """
        csv = inventory.format == "CSV"
        stored = {column.name: column.type_in(inventory.format) for column in columns(inventory.versions)}
        kinds = {name: KINDS.get(name, "string") for name in stored} | {"dt": "string"}
        select = ", ".join([*(typed(name, kind, encoded=csv) for name, kind in stored.items()), '"dt"'])
        definition = {
            "originalSql": f'SELECT {select} FROM "{database}"."{table}"',  # noqa: S608 - no part of it is user input
            "catalog": "awsdatacatalog",
            "schema": database,
            "columns": [{"name": name, "type": _TYPES[kind]} for name, kind in kinds.items()],
        }
        text = base64.b64encode(json.dumps(definition).encode()).decode()
        super().__init__(
            scope,
            construct_id,
            catalog_id=catalog,
            database_name=database,
            table_input=glue.CfnTable.TableInputProperty(
                name=view(table),
                description=f"{table} with the same column types in every format; dt names the delivery",
                table_type="VIRTUAL_VIEW",
                parameters={"presto_view": "true", "comment": "Presto View"},
                view_original_text=f"/* Presto View: {text} */",
                view_expanded_text="/* Presto View */",
                storage_descriptor=glue.CfnTable.StorageDescriptorProperty(
                    columns=[glue.CfnTable.ColumnProperty(name=name, type=kind) for name, kind in kinds.items()]
                ),
            ),
        )
