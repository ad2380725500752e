"""The Batch Operations stack: the functions of the operations, and the role of the jobs that invoke them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from aws_cdk import App, CfnOutput, Environment, Stack
from aws_cdk import aws_lambda as lambda_

from brigade import names
from brigade.operations.operation import Operation
from brigade.settings import Settings
from lambdas.batch_operations.environment import OperationEnvironment
from stacks.parts.job_role import JobRole
from stacks.parts.lambda_function import LambdaFunction
from stacks.parts.native_operations import allow_native_operations
from stacks.parts.package import Package
from stacks.parts.permissions import allow_existing_bucket, allow_key, allow_list, allow_objects
from stacks.storage import StorageStack


class BatchOperationsStack(Stack):
    """For each operation, a function that may access the keys that the operation declares, and one role for all jobs.

    Attributes:
        job_role: The role that S3 Batch Operations assumes.
    """

    def __init__(
        self,
        scope: App,
        *,
        settings: Settings,
        storage: StorageStack,
        operations: Mapping[str, Operation],
        root: Path,
        env: Environment,
    ) -> None:
        """Create the stack.

        Args:
            scope: The app.
            settings: The settings of the stage.
            storage: The storage stack of the stage.
            operations: The declared operations, by name.
            root: The root folder of the repository, which contains the code of the functions.
            env: The account and region to deploy to.
        """
        super().__init__(
            scope, names.stack(settings.stage, "batch-operations"), env=env, description="Bucket Brigade: operations"
        )
        self.add_stack_dependency(storage)
        functions = [
            self._create_function(name, operation, settings=settings, storage=storage, root=root)
            for name, operation in operations.items()
        ]
        self.job_role = JobRole(
            self,
            "JobRole",
            deliveries=settings.inventory.prefix,
            buckets=storage.buckets,
            functions=functions,
            existing=[bucket.name for bucket in settings.buckets if bucket.operations],
        )
        allow_native_operations(self.job_role, storage.buckets.lake, settings.own_operations)
        CfnOutput(self, "JobRoleArn", value=self.job_role.role_arn)

    def _create_function(
        self, name: str, operation: Operation, *, settings: Settings, storage: StorageStack, root: Path
    ) -> lambda_.IFunction:
        handler = LambdaFunction(
            self,
            names.output("Operation", name) + "Function",
            name=names.operation(settings.stage, name),
            service=names.operation_service(name),
            package=Package.of_operation(root, settings.target, name),
            environment=OperationEnvironment(operation=name, lake_bucket=storage.buckets.lake.bucket_name),
            memory_mib=operation.memory_mib,
            timeout_s=operation.timeout_s,
            concurrency=operation.concurrency,
            settings=settings,
        )
        required = _required_actions(operation)
        for patterns, actions in required:
            allow_objects(handler.role, storage.buckets.lake, patterns, *actions)
        allow_list(handler.role, storage.buckets.lake)
        # In an existing bucket, the operation may do the same to the keys that the settings name.
        all_actions = list(dict.fromkeys(action for patterns, actions in required if patterns for action in actions))
        key_actions = [*(["Decrypt"] if operation.content else []), *(["GenerateDataKey"] if operation.writes else [])]
        allow_key(handler.role, storage.buckets.key, *key_actions)
        for bucket in settings.buckets:
            if allowed_keys := bucket.operations.get(name):
                allow_existing_bucket(handler.role, bucket.name, allowed_keys, *all_actions)
                allow_key(handler.role, bucket.key, *key_actions)
        CfnOutput(self, names.output("Operation", name), value=handler.function.function_arn)
        return handler.function


def _required_actions(operation: Operation) -> list[tuple[Sequence[str], list[str]]]:
    """Return pairs of key patterns and the actions that the operation needs on them."""
    reads, writes = ["s3:GetObject", "s3:GetObjectVersion"], ["s3:PutObject"]
    if operation.tags:
        reads += ["s3:GetObjectTagging", "s3:GetObjectVersionTagging"]
        writes += ["s3:PutObjectTagging"]
    return [
        (operation.reads, reads),
        # After a lost response to a conditional write, the operation reads the object to learn whether it wrote it.
        (operation.checks, ["s3:GetObject"]),
        (operation.writes, writes),
        (operation.deletes, ["s3:DeleteObject"]),
    ]
