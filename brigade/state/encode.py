"""A document as JSON that is read back equal, or an error that names the place in it."""

import dataclasses
import math
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from brigade.errors import InvalidData


def encode(value: object, what: str) -> bytes:
    """Return ``value`` as JSON that ``get`` reads back equal.

    Lists, and dictionaries with text as keys, may hold text, booleans, None, finite numbers and each other. Any other
    type belongs into a field of a Struct or dataclass, whose declared types are what it is read back as.

    Args:
        what: What errors call the document.

    Raises:
        InvalidData: JSON has no such value. The message names the path, as ``$.best[0]``.
    """
    try:
        body = msgspec.json.encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:  # a lone surrogate is a ValueError
        reason: str | None = _first(value) or str(error)
        raise InvalidData(f"{what} cannot be stored: {reason}") from error
    # A Struct declares the types of what is in it, and the only value that is changed is written as null.
    declared = isinstance(value, msgspec.Struct) or dataclasses.is_dataclass(value)
    if (not declared or b"null" in body) and (reason := _first(value)):
        raise InvalidData(f"{what} cannot be stored: {reason}")
    return body


def _first(value: object) -> str | None:
    try:
        return next(_faults(value, "$", declared=False), None)
    except RecursionError:
        return "it is nested too deeply"


def _faults(value: object, path: str, *, declared: bool) -> Iterator[str]:
    """Yield what of a value, at ``path``, is not read back equal. ``declared``: a type says what it is read back as."""
    if isinstance(value, float):
        if not math.isfinite(value):
            yield f"{path} is {value}, which JSON has no number for"
    elif isinstance(value, str):
        if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
            yield f"{path} is text with a lone surrogate, which UTF-8 cannot carry"
    elif isinstance(value, bool) or value is None:
        return
    elif isinstance(value, int):
        if not -(2**63) <= value < 2**64:
            yield f"{path} is an integer of more than 64 bits"
    elif isinstance(value, Mapping):
        yield from _faults_of_mapping(value, path, declared=declared)
    elif isinstance(value, list) or (declared and isinstance(value, tuple | set | frozenset)):
        for number, each in enumerate(value):
            yield from _faults(each, f"{path}[{number}]", declared=declared)
    elif fields := _fields(value):
        for name in fields:
            yield from _faults(getattr(value, name), f"{path}.{name}", declared=True)
    elif not declared and not isinstance(value, msgspec.Struct):
        yield f"{path} is a {type(value).__name__}, which JSON has not; make it text, a number, a list or a dictionary"


def _faults_of_mapping(value: Mapping[Any, object], path: str, *, declared: bool) -> Iterator[str]:
    if len({str(key) for key in value}) < len(value):
        yield f"{path} has two keys whose text is the same"
    for key, each in value.items():
        if not declared and type(key) is not str:
            yield f"{path} has the key {key!r}, which is not text"
        yield from _faults(key, f"{path} (a key)", declared=True)
        yield from _faults(each, f"{path}.{key}", declared=declared)


def _fields(value: object) -> tuple[str, ...]:
    if isinstance(value, msgspec.Struct):
        return value.__struct_fields__
    if dataclasses.is_dataclass(value):
        return tuple(field.name for field in dataclasses.fields(value))
    return ()
