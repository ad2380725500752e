"""What a record must be: a pure declaration."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Literal

import msgspec

from brigade.errors import SettingsError

Kind = Literal["text", "integer", "number", "boolean", "object", "array"]


class Contract(msgspec.Struct, frozen=True, kw_only=True):
    """The ``fields`` that a record may have, with their types; null is allowed where the field is not ``required``.

    ``extra``: whether others may come (``evolve``) or break the contract (``freeze``). A record that breaks it goes to
    the quarantine object, with the reason and its page; more than ``tolerated`` of all, a share from 0 to 1, fail the
    run. ``of_schema`` reads one from a JSON Schema.
    """

    fields: Mapping[str, Kind]
    required: tuple[str, ...] = ()
    extra: Literal["evolve", "freeze"] = "freeze"
    tolerated: float = 0.01

    @classmethod
    def of_schema(cls, schema: Mapping[str, Any], *, tolerated: float = 0.01) -> "Contract":
        """Read the JSON Schema of an object: ``properties``, each with a ``type``,
        ``required``, ``additionalProperties``.

        Fails with SettingsError at any other word that would restrict a record, since it would not be checked.
        """
        known = {"$schema", "$id", "title", "description", "type", "properties", "required", "additionalProperties"}
        if unknown := schema.keys() - known:
            raise SettingsError(f"JSON Schema: {', '.join(sorted(unknown))} is not checked here; leave it out")
        fields: dict[str, Kind] = {}
        for name, rules in schema.get("properties", {}).items():
            if unknown := rules.keys() - {"type", "title", "description"}:
                raise SettingsError(f"JSON Schema: {', '.join(sorted(unknown))} of {name} is not checked here")
            kind: Any = "text" if rules.get("type") == "string" else rules.get("type")
            if kind not in _KINDS:
                raise SettingsError(f"JSON Schema: the type of {name} is {kind!r}; it takes one of {', '.join(_KINDS)}")
            fields[name] = kind
        extra: Literal["evolve", "freeze"] = "evolve" if schema.get("additionalProperties", True) else "freeze"
        return cls(fields=fields, required=tuple(schema.get("required", ())), extra=extra, tolerated=tolerated)

    def broken(self, record: Mapping[str, Any]) -> str | None:
        """Say how the record breaks the contract, or None."""
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
