"""The environment variables of the function of an operation."""

from dataclasses import dataclass

from lambdas.environment import FunctionEnvironment


@dataclass(frozen=True, kw_only=True)
class OperationEnvironment(FunctionEnvironment):
    """The environment variables of the function of an operation.

    Attributes:
        operation: The name of the operation: a module of `lambdas/batch_operations/operations`.
        lake_bucket: The name of the lake bucket, for the code of an operation. The handler does not use it.
    """

    operation: str
    lake_bucket: str | None = None
