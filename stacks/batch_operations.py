"""The Batch Operations stack: what S3 runs over objects, and as whom."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from aws_cdk import App, CfnOutput, Environment, Stack
from aws_cdk import aws_lambda as lambda_

from brigade.operations.operation import Operation
from brigade.settings import Settings
from stacks import names
from stacks.parts.job_role import JobRole
from stacks.parts.lambda_function import Function
from stacks.parts.native_operations import allow_own
from stacks.parts.package import Package
from stacks.parts.permissions import allow_existing, allow_key, allow_list, allow_objects
from stacks.storage import StorageStack


class BatchOperationsStack(Stack):
    """For each operation a function that reaches what it declares, and the one role that S3's jobs run as."""

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
        """Arguments: ``operations``, by name; ``root``, the repository, of which packages are made."""
        super().__init__(
            scope, names.stack(settings.stage, "batch-operations"), env=env, description="Bucket Brigade: operations"
        )
        self.add_stack_dependency(storage)
        functions = [
            self._operation(name, operation, settings=settings, storage=storage, root=root)
            for name, operation in operations.items()
        ]
        self.job_role = JobRole(
            self,
            "JobRole",
            deliveries=settings.inventory.prefix,
            lake=storage.lake,
            reports=storage.reports,
            key=storage.key,
            functions=functions,
        )
        allow_own(self.job_role, storage.lake, settings.own_operations)
        CfnOutput(self, "JobRoleArn", value=self.job_role.role_arn)

    def _operation(
        self, name: str, operation: Operation, *, settings: Settings, storage: StorageStack, root: Path
    ) -> lambda_.IFunction:
        made = Function(
            self,
            names.output("Operation", name) + "Function",
            name=names.operation(settings.stage, name),
            service=f"operation-{name}",
            package=Package.of_operation(root, settings.target, name),
            environment={"BRIGADE_OPERATION": name, "BRIGADE_LAKE_BUCKET": storage.lake.bucket_name},
            memory_mib=operation.memory_mib,
            timeout_s=operation.timeout_s,
            concurrency=operation.concurrency,
            settings=settings,
        )
        needed = _needed(operation)
        for patterns, actions in needed:
            allow_objects(made.role, storage.lake, patterns, *actions)
        allow_list(made.role, storage.lake)
        # What it does in the lake it may do in a bucket beside it, to the keys for which the settings name it.
        does = list(dict.fromkeys(action for patterns, actions in needed if patterns for action in actions))
        uses = [*(["Decrypt"] if operation.content else []), *(["GenerateDataKey"] if operation.writes else [])]
        allow_key(made.role, storage.key, *uses)
        for bucket in settings.buckets:
            if granted := bucket.operations.get(name):
                allow_existing(made.role, bucket.name, granted, *does)
                allow_key(made.role, bucket.key, *uses)
        CfnOutput(self, names.output("Operation", name), value=made.function.function_arn)
        return made.function


def _needed(operation: Operation) -> list[tuple[Sequence[str], list[str]]]:
    """Give what an operation does to which keys, as it declares."""
    reads, writes = ["s3:GetObject", "s3:GetObjectVersion"], ["s3:PutObject"]
    if operation.tags:
        reads += ["s3:GetObjectTagging", "s3:GetObjectVersionTagging"]
        writes += ["s3:PutObjectTagging"]
    return [
        (operation.reads, reads),
        # An operation that writes under a condition looks at what it writes, to settle a lost answer, and says so.
        (operation.checks, ["s3:GetObject"]),
        (operation.writes, writes),
        (operation.deletes, ["s3:DeleteObject"]),
    ]
