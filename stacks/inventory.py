"""The inventory stack: what a delivery sets off when it arrives."""

from pathlib import Path

from aws_cdk import App, Environment, Stack

from brigade.settings import Settings
from stacks import names
from stacks.parts.delivery_handler import Arrival
from stacks.storage import StorageStack


class InventoryStack(Stack):
    """A summary of each delivery in state, its metrics, and an event for what shall follow it."""

    def __init__(self, scope: App, *, settings: Settings, storage: StorageStack, root: Path, env: Environment) -> None:
        """Arguments: ``root``, the repository, of which the function's package is made."""
        super().__init__(
            scope, names.stack(settings.stage, "inventory"), env=env, description="Bucket Brigade: deliveries arrive"
        )
        self.add_stack_dependency(storage)
        Arrival(
            self,
            "Arrival",
            settings=settings,
            lake=storage.lake,
            reports=storage.reports,
            state=storage.state,
            key=storage.key,
            root=root,
        )
