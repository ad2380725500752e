"""The stack of existing buckets: an inventory configuration on each, and nothing else of theirs."""

from pathlib import Path

from aws_cdk import App, CustomResource, Duration, Environment, Stack
from aws_cdk import aws_iam as iam

from brigade.settings import Inventory, Settings
from stacks import names
from stacks.parts.inventory import fields
from stacks.parts.lambda_function import Function
from stacks.parts.package import Package
from stacks.storage import StorageStack

_TIMEOUT_S = 60


class ExistingStack(Stack):
    """For each bucket of the settings' list, an inventory configuration of ours beside those that it has.

    Made and removed by a function that may do just that to just those buckets. The buckets are not in the stack: they,
    their objects and their other configurations stay as they are, also when it is deleted.
    """

    def __init__(self, scope: App, *, settings: Settings, storage: StorageStack, root: Path, env: Environment) -> None:
        """Arguments: ``root``, the repository, of which the function's package is made."""
        super().__init__(
            scope, names.stack(settings.stage, "existing"), env=env, description="Bucket Brigade: existing buckets"
        )
        self.add_stack_dependency(storage)
        made = Function(
            self,
            "Configure",
            name=names.stack(settings.stage, "inventory-configure"),
            service="inventory-configure",
            package=Package.of_inventory(root, settings.target, "configure"),
            environment={},
            memory_mib=256,
            timeout_s=_TIMEOUT_S,
            settings=settings,
        )
        for bucket in settings.buckets:
            self._configure(bucket.name, made, settings.inventory, storage)

    def _configure(self, bucket: str, made: Function, inventory: Inventory, storage: StorageStack) -> None:
        """Have the function ``made`` put the configuration on ``bucket``, and take it away when this is gone."""
        # A policy a bucket: of one for all, the right to a bucket that leaves the list would go before the rest.
        right = iam.Policy(self, f"Right-{bucket}", roles=[made.role])
        actions = ["s3:GetInventoryConfiguration", "s3:PutInventoryConfiguration"]
        right.add_statements(iam.PolicyStatement(actions=actions, resources=[f"arn:{self.partition}:s3:::{bucket}"]))
        resource = CustomResource(
            self,
            f"Inventory-{bucket}",
            resource_type="Custom::BucketInventory",
            service_token=made.function.function_arn,
            # Without it, a function that never answers holds the deployment for an hour.
            service_timeout=Duration.seconds(5 * _TIMEOUT_S),
            properties={
                "Bucket": bucket,
                "Id": inventory.id,
                "Versions": inventory.versions,
                "Frequency": inventory.frequency,
                "Fields": fields(),
                "Format": inventory.format,
                "Prefix": inventory.prefix,
                "Destination": storage.reports.bucket_arn,
                "Account": self.account,
            },
        )
        # What removes the configuration must outlive it, its permissions as well.
        resource.node.add_dependency(made, right)
