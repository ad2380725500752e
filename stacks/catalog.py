"""The catalog stack: the Glue tables over the deliveries, and the Athena workgroup to query them."""

from aws_cdk import App, CfnOutput, Environment, Stack
from aws_cdk import aws_athena as athena
from aws_cdk import aws_glue as glue

from brigade import layout, names
from brigade.catalog import table as table_name
from brigade.settings import Settings
from stacks.parts import inventory_table, inventory_view
from stacks.parts.named_queries import list_named_queries
from stacks.parts.workgroup import Workgroup
from stacks.storage import StorageStack


class CatalogStack(Stack):
    """A Glue database with a table and a view for each inventory, and an Athena workgroup with named queries."""

    def __init__(self, scope: App, *, settings: Settings, storage: StorageStack, env: Environment) -> None:
        """Create the stack.

        Args:
            scope: The app.
            settings: The settings of the stage.
            storage: The storage stack of the stage.
            env: The account and region to deploy to.
        """
        super().__init__(
            scope, names.stack(settings.stage, "catalog"), env=env, description="Bucket Brigade: SQL over the inventory"
        )
        inventory = settings.inventory
        database = glue.CfnDatabase(
            self,
            "Data",
            catalog_id=self.account,
            database_input=glue.CfnDatabase.DatabaseInputProperty(
                name=names.database(settings.stage), description="The contents of the lake"
            ),
        )
        for existing in [None, *(bucket.name for bucket in settings.buckets)]:
            self._create_table(database, existing, storage, settings)
        workgroup = Workgroup(
            self,
            "Queries",
            name=names.workgroup(settings.stage),
            results=storage.buckets.reports.s3_url_for_object(f"{layout.QUERIES}/"),
            key=storage.buckets.key,
            scan_limit_gib=settings.query_scan_limit_gib,
        )
        for query in list_named_queries(inventory, names.database(settings.stage)):
            athena.CfnNamedQuery(
                self,
                "".join(word.capitalize() for word in query.name.split("-")),
                name=query.name,
                description=query.answers,
                query_string=query.sql,
                database=database.ref,
                work_group=workgroup.ref,
            )
        CfnOutput(self, "Database", value=database.ref)
        CfnOutput(self, "InventoryTable", value=inventory_table.LAKE_TABLE)
        CfnOutput(self, "Workgroup", value=workgroup.ref)

    def _create_table(
        self, database: glue.CfnDatabase, existing: str | None, storage: StorageStack, settings: Settings
    ) -> None:
        """Create the table over the inventory of the lake or of the bucket `existing`, and its view."""
        inventory, name = settings.inventory, table_name(existing)
        bucket, suffix = existing or storage.buckets.lake.bucket_name, f"-{existing}" if existing else ""
        inventory_table.InventoryTable(
            self,
            f"Table{suffix}",
            catalog=self.account,
            database=database.ref,
            name=name,
            deliveries=storage.buckets.reports.s3_url_for_object(f"{inventory.prefix}/{bucket}/{inventory.id}"),
            inventory=inventory,
        )
        inventory_view.TypedView(
            self,
            f"View{suffix}",
            catalog=self.account,
            database=names.database(settings.stage),
            table=name,
            inventory=inventory,
        ).add_resource_dependency(database)
