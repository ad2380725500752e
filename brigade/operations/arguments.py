"""Arguments of an operation: S3 passes strings, and the operation's struct declares their types."""

from collections.abc import Mapping
from typing import Any

import msgspec

from brigade.errors import UsageError, did_you_mean

_MOST = 10  # https://docs.aws.amazon.com/AmazonS3/latest/API/API_control_LambdaInvokeOperation.html
_KEY_CHARACTERS = 64
_VALUE_CHARACTERS = 1024


def parse_arguments(kind: type[msgspec.Struct], given: Mapping[str, str]) -> Any:
    """Return the arguments as a `kind`, with numbers and booleans parsed from their text.

    Raises:
        UsageError: An argument is unknown, missing or invalid, or there are more or longer ones than S3 accepts (10,
            names of 64 and values of 1024 characters). The message names the argument and its type.
    """
    known = [field.encode_name for field in msgspec.structs.fields(kind)]
    for name, value in given.items():
        if name not in known:
            raise UsageError(f"no argument {name!r}; {did_you_mean(name, known)}")
        if not 1 <= len(name) <= _KEY_CHARACTERS or len(value) > _VALUE_CHARACTERS:
            raise UsageError(
                f"argument {name}: S3 accepts at most {_VALUE_CHARACTERS} characters in a value; shorten it"
            )
    if len(given) > _MOST:
        raise UsageError(f"{len(given)} arguments; S3 accepts at most {_MOST}")
    try:
        return msgspec.convert(dict(given), kind, strict=False)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$.")
        name = where.rstrip("`")
        got = f", not {given[name]!r}" if name in given and repr(given[name]) not in what else ""
        raise UsageError(f"argument{' ' + name if name else 's'}: {what[:1].lower()}{what[1:]}{got}") from None


def describe_arguments(kind: type[msgspec.Struct]) -> list[tuple[str, str, str]]:
    """Return name, type and default of each argument as text."""
    rows = []
    for field in msgspec.structs.fields(kind):
        default = "required" if field.required else str(field.default)
        rows.append((field.encode_name, _type(field.type), default))
    return rows


def _type(kind: Any) -> str:
    schema = msgspec.json.schema(kind)
    if "enum" in schema:
        return "|".join(str(choice) for choice in schema["enum"])
    bounds = [str(schema[bound]) if bound in schema else "" for bound in ("minimum", "maximum")]
    return f"{schema.get('type', 'text')}{' ' + '..'.join(bounds) if any(bounds) else ''}"
