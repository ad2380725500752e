"""Operations of jobs: functions that receive one object and return a result code.

Write an operation with `from brigade.operations import Object, Operation`. Each name is imported on first use, so a
deployment that only reads declarations imports no S3 client.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from brigade.operations.object import Object
    from brigade.operations.operation import NoArguments, Operation
    from brigade.operations.recurring import Recurring

__all__ = ["NoArguments", "Object", "Operation", "Recurring"]

_MODULES = {"NoArguments": "operation", "Object": "object", "Operation": "operation", "Recurring": "recurring"}


if not TYPE_CHECKING:  # a type checker knows the names above, and no other

    def __getattr__(name: str) -> Any:
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"brigade.operations.{_MODULES[name]}"), name)
