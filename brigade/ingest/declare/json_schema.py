"""A contract that is a JSON Schema. Only a source that uses it has the validator in its package."""

from collections.abc import Callable, Mapping
from typing import Any

import jsonschema_rs

from brigade.declarations import Declaration
from brigade.errors import SettingsError
from brigade.ingest.declare.contract import Fraction


class JsonSchema(Declaration, frozen=True, kw_only=True, dict=True):
    """A contract in JSON Schema, drafts 4 to 2020-12: the draft that `$schema` names, or the newest.

    Every keyword counts, `format` included. `$ref` reaches the schema itself and the drafts. Nothing is fetched.

    Attributes:
        schema: The schema.
        tolerated: The fraction of broken records that a run may have, 0 to 1.

    Raises:
        SettingsError: The schema is invalid, names an unknown `format`, or refers to something outside of it.

    Source: https://json-schema.org/draft/2020-12
    """

    schema: Mapping[str, Any] | bool
    tolerated: Fraction = 0.01

    def __post_init__(self) -> None:
        super().__post_init__()
        # A frozen struct can still cache in its dictionary.
        self.__dict__["_validator"] = _validator(self.schema)

    def find_violation(self, record: Mapping[str, Any]) -> str | None:
        """Return where the record breaks which keyword of the schema, without its values, or None."""
        validator = self.__dict__["_validator"]
        if validator.is_valid(record):
            return None
        error = next(validator.iter_errors(record))
        at = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in error.instance_path)
        word = "/".join(str(step) for step in error.schema_path)
        return f"{at.lstrip('.') or 'the record'} breaks {word} of the schema"

    def without_fields(self, withheld: Callable[[str], bool]) -> "JsonSchema":
        """Return the schema of records without some top-level fields: any value of these, or none, is valid.

        Other keywords about such fields, such as `anyOf` or `dependentRequired`, still count.
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
