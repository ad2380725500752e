"""A contract that is a JSON Schema. Only a source that imports this has the validator in its package."""

from collections.abc import Callable, Mapping
from typing import Any

import jsonschema_rs

from brigade.declarations import Declaration
from brigade.errors import SettingsError
from brigade.ingest.declare.contract import Fraction


class JsonSchema(Declaration, frozen=True, kw_only=True, dict=True):
    """Each record holds under ``schema``, every word of it, or is set aside as ``RecordContract`` says.

    Drafts 4 to 2020-12, the one that ``$schema`` names, else the newest; ``format`` is checked too. ``$ref`` reaches
    what is in the schema and the drafts' own; nothing is fetched (https://json-schema.org/draft/2020-12).

    Fails with SettingsError where the schema itself is wrong, names a ``format`` that nothing checks, or refers to what
    it does not hold.
    """

    schema: Mapping[str, Any] | bool
    tolerated: Fraction = 0.01

    def __post_init__(self) -> None:
        super().__post_init__()
        # A struct that is frozen still has a dictionary for what is made of its fields once.
        self.__dict__["_validator"] = _validator(self.schema)

    def find_violation(self, record: Mapping[str, Any]) -> str | None:
        """Say where the record breaks which word of the schema, without a value of it, or None."""
        validator = self.__dict__["_validator"]
        if validator.is_valid(record):
            return None
        error = next(validator.iter_errors(record))
        at = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in error.instance_path)
        word = "/".join(str(step) for step in error.schema_path)
        return f"{at.lstrip('.') or 'the record'} breaks {word} of the schema"

    def without_fields(self, withheld: Callable[[str], bool]) -> "JsonSchema":
        """Return the schema of records that have lost some fields of their own: any value, or none, is right there.

        What other words of the schema say of such fields, ``anyOf`` or ``dependentRequired``, still counts.
        """
        if isinstance(self.schema, bool):
            return self
        schema = dict(self.schema)
        if "properties" in schema:
            known = schema["properties"]
            schema["properties"] = {name: True if withheld(name) else known[name] for name in known}
        if "required" in schema:
            schema["required"] = [name for name in schema["required"] if not withheld(name)]
        return JsonSchema(schema=schema, tolerated=self.tolerated)


def _validator(schema: Mapping[str, Any] | bool) -> Any:
    try:
        return jsonschema_rs.validator_for(
            dict(schema) if isinstance(schema, Mapping) else schema,
            validate_formats=True,
            ignore_unknown_formats=False,
            offline=True,
        )
    except (ValueError, jsonschema_rs.ReferencingError) as error:
        raise SettingsError(f"the JSON Schema of the contract is not usable: {str(error).splitlines()[0]}") from error
