"""The contract of a source: the fields that each record must have, and their types."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal, Protocol, runtime_checkable

from msgspec import Meta

from brigade.declarations import Declaration

Kind = Literal["text", "integer", "number", "boolean", "object", "array"]
Fraction = Annotated[float, Meta(ge=0, le=1)]
"""A fraction of all records, from 0 to 1."""


@runtime_checkable
class RecordContract(Protocol):
    """A contract of records: `Contract` or `JsonSchema`.

    A record that breaks it goes to the quarantine, with the reason and its page. More than the tolerated fraction of
    all records fail the run.
    """

    @property
    def tolerated(self) -> float:
        """The fraction of broken records that a run may have."""

    def find_violation(self, record: Mapping[str, Any]) -> str | None:
        """Return how the record breaks the contract, without its values, or None."""

    def without_fields(self, withheld: Callable[[str], bool]) -> "RecordContract":
        """Return the contract of records without the fields for which `withheld` is true.

        A record in quarantine has lost the fields that its source keeps out of the lake. The others must be valid.
        """


class Contract(Declaration, frozen=True, kw_only=True):
    """The fields of a record and their types.

    Attributes:
        fields: Types by name. Null is valid for a field that is not required.
        required: Fields that must be present and not null.
        extra: Says if other fields are valid (`evolve`) or break the contract (`freeze`).
        tolerated: The fraction of broken records that a run may have, 0 to 1.
    """

    fields: Mapping[str, Kind]
    required: tuple[str, ...] = ()
    extra: Literal["evolve", "freeze"] = "freeze"
    tolerated: Fraction = 0.01

    def __post_init__(self) -> None:
        super().__post_init__()
        known = self.extra == "evolve" or all(name in self.fields for name in self.required)
        self._check("required", known, "names of fields: others break the contract where extra is freeze")

    def find_violation(self, record: Mapping[str, Any]) -> str | None:
        """Return how the record breaks the contract, without its values, or None."""
        for name in self.required:
            if record.get(name) is None:
                return f"{name} is missing"
        for name, value in record.items():
            kind = self.fields.get(name)
            if kind is None:
                if self.extra == "freeze":
                    return f"{name} is not in the contract"
            elif value is not None and not _is(value, kind):
                return f"{name} is {type(value).__name__}, not {kind}"
        return None

    def without_fields(self, withheld: Callable[[str], bool]) -> "Contract":
        """Return the contract of records without some fields, which are neither required nor checked."""
        return _Without(
            fields=self.fields,
            required=tuple(name for name in self.required if not withheld(name)),
            extra=self.extra,
            tolerated=self.tolerated,
            withheld=withheld,
        )


class _Without(Contract, frozen=True, kw_only=True):
    withheld: Callable[[str], bool]

    def find_violation(self, record: Mapping[str, Any]) -> str | None:
        return super().find_violation({name: value for name, value in record.items() if not self.withheld(name)})


def _is(value: Any, kind: str) -> bool:
    # A boolean is an integer to Python, not to JSON.
    return isinstance(value, _KINDS[kind]) and (kind == "boolean" or not isinstance(value, bool))


_KINDS: Mapping[str, type | tuple[type, ...]] = {
    "text": str,
    "integer": int,
    "number": (int, float, Decimal),
    "boolean": bool,
    "object": dict,
    "array": list,
}
