"""The Batch Operations stack: what S3 runs over objects, and as whom."""

from collections.abc import Mapping
from pathlib import Path

from aws_cdk import App, CfnOutput, Environment, Stack
from aws_cdk import aws_lambda as lambda_

from brigade.operations.operation import Operation
from brigade.settings import Settings
from stacks import names
from stacks.parts.function import Function
from stacks.parts.job_role import JobRole
from stacks.parts.own_operations import allow_own
from stacks.parts.package import Package
from stacks.parts.role import allow_existing, allow_key, allow_list, allow_objects
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
        lake = storage.lake
        allow_objects(made.role, lake, operation.reads, "s3:GetObject", "s3:GetObjectVersion")
        # An operation that writes under a condition looks at what it writes, to settle a lost answer, and says so.
        allow_objects(made.role, lake, operation.checks, "s3:GetObject")
        allow_objects(made.role, lake, operation.writes, "s3:PutObject")
        allow_objects(made.role, lake, operation.deletes, "s3:DeleteObject")
        if operation.tags:
            allow_objects(made.role, lake, operation.reads, "s3:GetObjectTagging", "s3:GetObjectVersionTagging")
            allow_objects(made.role, lake, operation.writes, "s3:PutObjectTagging")
        allow_list(made.role, lake)
        for bucket in settings.buckets:
            allow_existing(made.role, bucket.name, bucket.operations.get(name, ()))
        uses = [*(["Decrypt"] if operation.content else []), *(["GenerateDataKey"] if operation.writes else [])]
        allow_key(made.role, storage.key, *uses)
        CfnOutput(self, names.output("Operation", name), value=made.function.function_arn)
        return made.function
