"""What a record must be: a pure declaration."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal, Protocol, runtime_checkable

from msgspec import Meta

from brigade.declarations import Declaration

Kind = Literal["text", "integer", "number", "boolean", "object", "array"]
Share = Annotated[float, Meta(ge=0, le=1)]
"""A part of all records, from 0 to 1."""


@runtime_checkable
class Checks(Protocol):
    """What says whether a record holds: ``Contract``, or ``brigade.ingest.schema.JsonSchema``.

    A record that does not goes to the quarantine object, with the reason and its page; more than ``tolerated`` of all,
    a share from 0 to 1, fail the run.
    """

    @property
    def tolerated(self) -> float:
        """The share of broken records that a run may have."""

    def broken(self, record: Mapping[str, Any]) -> str | None:
        """Say how the record breaks the contract, without a value of it, or None."""


class Contract(Declaration, frozen=True, kw_only=True):
    """The ``fields`` that a record may have, with their types; null is allowed where the field is not ``required``.

    ``extra``: whether others may come (``evolve``) or break the contract (``freeze``).
    """

    fields: Mapping[str, Kind]
    required: tuple[str, ...] = ()
    extra: Literal["evolve", "freeze"] = "freeze"
    tolerated: Share = 0.01

    def __post_init__(self) -> None:
        super().__post_init__()
        known = self.extra == "evolve" or all(name in self.fields for name in self.required)
        self._check("required", known, "names of fields: others break the contract where extra is freeze")

    def broken(self, record: Mapping[str, Any]) -> str | None:
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
