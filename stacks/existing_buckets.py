"""The stack of existing buckets: it adds an inventory configuration to each, and changes nothing else of them."""

from pathlib import Path

from aws_cdk import App, CustomResource, Duration, Environment, Stack
from aws_cdk import aws_iam as iam

from brigade import names
from brigade.settings import Inventory, Settings
from stacks.parts.inventory import optional_fields
from stacks.parts.lambda_function import LambdaFunction
from stacks.parts.package import Package
from stacks.storage import StorageStack

_TIMEOUT_S = 60


class ExistingBucketsStack(Stack):
    """An inventory configuration for each bucket that the settings list, beside the configurations that it has.

    A function creates and deletes the configurations. It may do nothing else, and only to these buckets. The buckets
    are not part of the stack: deleting the stack keeps the buckets, their objects and their other configurations.
    """

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
            scope, names.stack(settings.stage, "existing"), env=env, description="Bucket Brigade: existing buckets"
        )
        self.add_stack_dependency(storage)
        handler = LambdaFunction(
            self,
            "Configure",
            name=names.inventory_configure(settings.stage),
            service="inventory-configure",
            package=Package.of_inventory(root, settings.target, "configure"),
            memory_mib=256,
            timeout_s=_TIMEOUT_S,
            settings=settings,
        )
        for bucket in settings.buckets:
            self._add_configuration(bucket.name, handler, settings.inventory, storage)

    def _add_configuration(
        self, bucket: str, handler: LambdaFunction, inventory: Inventory, storage: StorageStack
    ) -> None:
        """Let `handler` create the configuration on `bucket`, and delete it when this resource is deleted."""
        # One policy for each bucket. CloudFormation would update a common policy, and remove the permission for a
        # bucket that leaves the list, before the function deletes its configuration.
        permission = iam.Policy(self, f"Right-{bucket}", roles=[handler.role])
        actions = ["s3:GetInventoryConfiguration", "s3:PutInventoryConfiguration"]
        permission.add_statements(
            iam.PolicyStatement(actions=actions, resources=[f"arn:{self.partition}:s3:::{bucket}"])
        )
        resource = CustomResource(
            self,
            f"Inventory-{bucket}",
            resource_type="Custom::BucketInventory",
            service_token=handler.function.function_arn,
            # The default is one hour, for which a function that never answers would block the deployment.
            service_timeout=Duration.seconds(5 * _TIMEOUT_S),
            properties={
                "Bucket": bucket,
                "Id": inventory.id,
                "Versions": inventory.versions,
                "Frequency": inventory.frequency,
                "Fields": optional_fields(),
                "Format": inventory.format,
                "Prefix": inventory.prefix,
                "Destination": storage.buckets.reports.bucket_arn,
                "Account": self.account,
            },
        )
        # CloudFormation deletes in reverse order: the configuration first, then the function and its permission.
        resource.node.add_dependency(handler, permission)
