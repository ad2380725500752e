"""The environment variables of a function: its stack sets them, and its handler reads them. One class names both."""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Self

from brigade.errors import SettingsError


@dataclass(frozen=True, kw_only=True)
class FunctionEnvironment:
    """Base class of the environment of a function. The field `lake_bucket` is the variable `BRIGADE_LAKE_BUCKET`.

    A subclass has fields of type `str`, which are required, and of type `str | None` with the default None.
    """

    @classmethod
    def names(cls) -> Mapping[str, bool]:
        """Return the name of each variable, and whether it is required."""
        return {f"BRIGADE_{field.name.upper()}": field.default is MISSING for field in fields(cls)}

    @classmethod
    def read(cls, variables: Mapping[str, str]) -> Self:
        """Parse the environment variables of the function. Other variables are ignored.

        Raises:
            SettingsError: A required variable is absent or empty.
        """
        for name, is_required in cls.names().items():
            if is_required and not variables.get(name):
                raise SettingsError(
                    f"environment variables of the function: {name} is absent or empty; deploy its stack again"
                )
        values = (variables.get(name) for name in cls.names())
        return cls(**{field.name: value for field, value in zip(fields(cls), values, strict=True)})

    def variables(self) -> dict[str, str]:
        """Return the variables by name, without those that are None."""
        values = ((name, getattr(self, field.name)) for name, field in zip(self.names(), fields(self), strict=True))
        return {name: value for name, value in values if value is not None}
