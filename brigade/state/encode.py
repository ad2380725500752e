"""Encode a document as JSON that is read back equal, or raise an error with the place of the problem."""

import dataclasses
import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from brigade.errors import InvalidData


def encode(value: object, what: str) -> bytes:
    """Return `value` as JSON that `State.get` reads back equal.

    Lists, and dictionaries with text as keys, may hold text, booleans, None, finite numbers and each other. Any other
    type must be in a field of a Struct or dataclass, which declares it.

    Args:
        what: The document's name, for errors.

    Raises:
        InvalidData: JSON has no such value. The message names the path, for example `$.best[0]`.
    """
    try:
        body = msgspec.json.encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:  # a lone surrogate is a ValueError
        reason: str | None = _first(value) or str(error)
        raise InvalidData(f"{what} cannot be stored: {reason}") from error
    # A Struct declares the types of its values, and the only value that is changed is written as null.
    declared = isinstance(value, msgspec.Struct) or dataclasses.is_dataclass(value)
    if (not declared or b"null" in body) and (reason := _first(value)):
        raise InvalidData(f"{what} cannot be stored: {reason}")
    return body


def to_json_types(value: object, what: str) -> object:
    """Return `value` in the types that JSON has: a tuple or set becomes a list, a date becomes text.

    Raises:
        InvalidData: JSON has no such value. The message names the path, for example `$.best[0]`.
    """
    try:
        plain = msgspec.to_builtins(value)
        reason = _first(plain, declared=True)
    except (TypeError, ValueError, RecursionError) as error:
        reason = str(error)
    if reason:
        raise InvalidData(f"{what} cannot be printed as JSON: {reason}")
    return plain


def check_unique_members(body: bytes, what: str) -> None:
    """Raise InvalidData if an object in valid JSON has a member twice: parsers keep one of the two values.

    A document as `encode` writes it costs one fast pass. Only a document in another form is parsed by Python.
    """
    if msgspec.json.encode(msgspec.json.decode(body)) == msgspec.json.format(body, indent=-1):
        return
    try:
        json.loads(body, object_pairs_hook=unique_members, parse_int=str, parse_float=str)
    except (ValueError, RecursionError) as error:
        raise InvalidData(f"{what} is not the state expected there: {error}") from error


def unique_members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Return the members of a JSON object, as `object_pairs_hook` of `json.loads`. ValueError for a repeated name."""
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the key {next(name for name in names if names.count(name) > 1)!r} is there twice")
    return members


def _first(value: object, *, declared: bool = False) -> str | None:
    try:
        return next(_faults(value, "$", declared=declared), None)
    except RecursionError:
        return "it is nested too deeply"


def _faults(value: object, path: str, *, declared: bool) -> Iterator[str]:
    """Yield the reasons why the value at `path` is not read back equal. `declared`: a type declares the value."""
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
        if key is None or isinstance(key, bool | tuple | frozenset) or (not declared and type(key) is not str):
            yield f"{path} has the key {key!r}, which is not text"
        yield from _faults(key, f"{path} (a key)", declared=True)
        yield from _faults(each, f"{path}.{key}", declared=declared)


def _fields(value: object) -> tuple[str, ...]:
    if isinstance(value, msgspec.Struct):
        return value.__struct_fields__
    if dataclasses.is_dataclass(value):
        return tuple(field.name for field in dataclasses.fields(value))
    return ()
