"""The declaration of a recurring job: one operation over the new objects, with each delivery or on a schedule."""

from collections.abc import Mapping
from typing import Annotated

from msgspec import Meta

from brigade.declarations import Declaration
from brigade.declarations.schedule import schedule_error
from brigade.errors import SettingsError, UsageError, did_you_mean
from brigade.operations.arguments import parse_arguments
from brigade.operations.operation import Operation


class Recurring(Declaration, frozen=True, kw_only=True):
    """An operation over the objects that are new or changed since its last job that succeeded completely."""

    operation: Annotated[str, Meta(min_length=1)]
    """Its name: that of a module in the operations' folder."""
    arguments: Mapping[str, str] = {}
    where: Annotated[str, Meta(min_length=1)] | None = None
    """Condition in SQL over the columns of the inventory: `key LIKE 'incoming/%' AND size > 0`; None: all objects."""
    schedule: str | None = None
    """When: an expression of EventBridge Scheduler, ``cron(0 6 ? * MON *)``, in UTC, over the newest delivery then.
    None: with each delivery."""
    most_objects: Annotated[int, Meta(ge=0)]
    """Above so many objects, or estimated dollars, its job waits for `brigade jobs confirm`, and notifies."""
    most_dollars: Annotated[float, Meta(ge=0, le=1e9)]

    def __post_init__(self) -> None:
        super().__post_init__()
        takes = schedule_error(self.schedule) if self.schedule is not None else None
        self._check("schedule", takes is None, takes or "")


def validate_recurring(
    declared: Mapping[str, Recurring], operations: Mapping[str, Operation]
) -> Mapping[str, Recurring]:
    """Return the declarations if each names one of `operations` and valid arguments. Raises SettingsError."""
    for name, recurring in declared.items():
        place = f"lambdas/batch_operations/recurring.py: {name}"
        if not name.isidentifier() or name != name.lower() or len(name) > 32:
            raise SettingsError(f"{place}: a name has 1 to 32 characters a-z, 0-9 and _, and starts with a letter")
        if recurring.operation not in operations:
            hint = did_you_mean(recurring.operation, operations)
            raise SettingsError(f"{place}: no operation {recurring.operation!r}; {hint}")
        try:
            parse_arguments(operations[recurring.operation].arguments, recurring.arguments)
        except UsageError as error:
            raise SettingsError(f"{place}: {error}") from None
    return declared
