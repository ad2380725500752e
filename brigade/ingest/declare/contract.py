"""What a record must be: a pure declaration."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal, Protocol, runtime_checkable

from msgspec import Meta

from brigade.declarations import Declaration

Kind = Literal["text", "integer", "number", "boolean", "object", "array"]
Fraction = Annotated[float, Meta(ge=0, le=1)]
"""A part of all records, from 0 to 1."""


@runtime_checkable
class RecordContract(Protocol):
    """What says whether a record holds: ``Contract``, or ``brigade.ingest.declare.json_schema.JsonSchema``.

    A record that does not goes to the quarantine object, with the reason and its page; more than ``tolerated`` of all,
    a share from 0 to 1, fail the run.
    """

    @property
    def tolerated(self) -> float:
        """The share of broken records that a run may have."""

    def find_violation(self, record: Mapping[str, Any]) -> str | None:
        """Say how the record breaks the contract, without a value of it, or None."""

    def without_fields(self, withheld: Callable[[str], bool]) -> "RecordContract":
        """Return the contract of records that have lost the fields for which ``withheld`` is true.

        A record in quarantine has lost what its source keeps out of the lake. The rest of it must still hold.
        """


class Contract(Declaration, frozen=True, kw_only=True):
    """The ``fields`` that a record may have, with their types; null is allowed where the field is not ``required``.

    ``extra``: whether others may come (``evolve``) or break the contract (``freeze``).
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
        """Say how the record breaks the contract, without a value of it, or None."""
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
        """Return the contract of records that have lost some fields: neither required nor checked any more."""
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
