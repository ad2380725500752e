"""The view over the inventory's table: the columns as the command has them, whatever the format."""

import base64
import json

from aws_cdk import aws_glue as glue
from constructs import Construct

from brigade.catalog import KINDS, typed, view
from brigade.settings import Inventory
from stacks.parts.inventory import columns

_TYPES = {"string": "varchar", "bigint": "bigint", "boolean": "boolean", "timestamp": "timestamp(3)"}
"""Glue's types as Athena's engine calls them."""


class TypedView(glue.CfnTable):
    """A view of ``table`` for whoever asks on Athena without the command: keys decoded, sizes integers, times UTC.

    Empty is null, and ``dt`` is the delivery, to be named in each query as with the table itself. It is kept as Athena
    keeps one that CREATE VIEW makes: Presto's definition, in base64, as the text of the view.
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
        """Arguments: ``database``, its name as text, since the definition holds it."""
        csv = inventory.format == "CSV"
        there = {column.name: column.text if csv else column.typed for column in columns(inventory.versions)}
        kinds = {name: KINDS.get(name, "string") for name in there} | {"dt": "string"}
        select = ", ".join([*(typed(name, kind, encoded=csv) for name, kind in there.items()), '"dt"'])
        definition = {
            "originalSql": f'SELECT {select} FROM "{database}"."{table}"',  # noqa: S608 - the pieces are ours
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
                description=f"{table} with the types that it has in every format; dt is the delivery",
                table_type="VIRTUAL_VIEW",
                parameters={"presto_view": "true", "comment": "Presto View"},
                view_original_text=f"/* Presto View: {text} */",
                view_expanded_text="/* Presto View */",
                storage_descriptor=glue.CfnTable.StorageDescriptorProperty(
                    columns=[glue.CfnTable.ColumnProperty(name=name, type=kind) for name, kind in kinds.items()]
                ),
            ),
        )
