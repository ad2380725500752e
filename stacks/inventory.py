"""The inventory stack: the function that handles each delivery of S3 Inventory."""

from pathlib import Path

from aws_cdk import App, Environment, Stack

from brigade import names
from brigade.settings import Settings
from stacks.parts.delivery_handler import DeliveryHandler
from stacks.storage import StorageStack


class InventoryStack(Stack):
    """A function that summarizes each delivery in the state bucket, publishes its metrics, and sends an event."""

    def __init__(self, scope: App, *, settings: Settings, storage: StorageStack, root: Path, env: Environment) -> None:
        """Create the stack.

        Args:
            scope: The app.
            settings: The settings of the stage.
            storage: The storage stack of the stage.
            root: The root folder of the repository, which contains the code of the function.
            env: The account and region to deploy to.
        """
        super().__init__(
            scope,
            names.stack(settings.stage, "inventory"),
            env=env,
            description="Bucket Brigade: handler of inventory deliveries",
        )
        self.add_stack_dependency(storage)
        DeliveryHandler(self, "Arrival", settings=settings, buckets=storage.buckets, root=root)
