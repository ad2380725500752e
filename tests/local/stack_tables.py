"""The stacks' own table and view over an inventory's deliveries, made on the local Glue."""

from aws_cdk import App, Stack
from aws_cdk.assertions import Template

from brigade.settings import Inventory as Settings
from stacks.parts.inventory_table import InventoryTable
from stacks.parts.inventory_view import TypedView
from tests.local.inventories import ACCOUNT, Inventory


def make_tables(inventory: Inventory, database: str, name: str, form: str, versions: str) -> Settings:
    """Make in a new database what the stack asks Glue for, for the configuration ``name``; give its settings."""
    settings = Settings(id=name, format=form, versions=versions)  # type: ignore[arg-type]  # literals, from parameters
    deliveries = f"s3://{inventory.destination}/inventory/{inventory.source}/{name}"
    stack, glue = Stack(App(), "catalog"), inventory.emulator.root("glue")
    InventoryTable(stack, "Table", catalog=ACCOUNT, database=database, deliveries=deliveries, inventory=settings)
    TypedView(stack, "View", catalog=ACCOUNT, database=database, table="inventory", inventory=settings)
    glue.create_database(DatabaseInput={"Name": database})
    for resource in Template.from_stack(stack).find_resources("AWS::Glue::Table").values():
        glue.create_table(DatabaseName=database, TableInput=resource["Properties"]["TableInput"])
    return settings
