"""What is done to each record: a pure declaration, for what most sources need; the rest is ``Source.transform``."""

from collections.abc import Callable, Mapping
from typing import Any, Literal

from brigade.declarations import Declaration
from brigade.errors import InvalidData

_REDACTED = "***"
_TRUE, _FALSE = {"true", "yes", "1", "t", "y"}, {"false", "no", "0", "f", "n"}


class Change(Declaration, frozen=True, kw_only=True):
    """In this order: ``keep`` only records whose field has one of the values, ``flatten`` nested objects with this
    between the names (``"_"``), ``select`` fields or ``drop`` them, ``redact`` the values of fields, ``cast`` fields to
    a type, ``rename`` them.

    A field that a record does not have is passed over; null is not cast.
    """

    keep: Mapping[str, tuple[str | int | float | bool | None, ...]] = {}
    flatten: str | None = None
    select: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    redact: tuple[str, ...] = ()
    cast: Mapping[str, Literal["text", "integer", "number", "boolean"]] = {}
    rename: Mapping[str, str] = {}

    @property
    def named(self) -> tuple[str, ...]:
        """The fields that a table must have for the change to mean anything; one that is dropped may be gone."""
        return (*self.keep, *self.select, *self.redact, *self.cast, *self.rename)

    def apply(self, record: dict[str, Any]) -> dict[str, Any] | None:
        """Give the record changed, or None if it is left out; InvalidData when a value cannot be cast."""
        if not all(record.get(name) in values for name, values in self.keep.items()):
            return None
        if self.flatten is not None:
            record = dict(_flat(record, self.flatten))
        if self.select:
            record = {name: record[name] for name in self.select if name in record}
        for name in self.drop:
            record.pop(name, None)
        for name in self.redact:
            if record.get(name) is not None:
                record[name] = _REDACTED
        for name, kind in self.cast.items():
            if record.get(name) is not None:
                record[name] = _cast(name, record[name], kind)
        if self.rename:
            record = {self.rename.get(name, name): value for name, value in record.items()}
        return record


def _flat(record: dict[str, Any], between: str) -> Any:
    for name, value in record.items():
        if isinstance(value, dict):
            yield from ((f"{name}{between}{inner}", deep) for inner, deep in _flat(value, between))
        else:
            yield name, value


def _cast(name: str, value: Any, kind: str) -> Any:
    try:
        return _CASTS[kind](value)
    except (TypeError, ValueError):
        raise InvalidData(f"{name} is {type(value).__name__}, which cannot be made {kind}") from None


def _boolean(value: Any) -> bool:
    text = str(value).lower()
    if text not in _TRUE | _FALSE:
        raise ValueError(text)
    return text in _TRUE


_CASTS: Mapping[str, Callable[[Any], Any]] = {"text": str, "integer": int, "number": float, "boolean": _boolean}
