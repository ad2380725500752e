"""The declared changes of each record. For any other change, a source overrides `transform_record`."""

import math
import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any, Literal

import msgspec

from brigade.declarations import Declaration
from brigade.errors import InvalidData

_REDACTED = "***"
_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ENCODER = msgspec.json.Encoder(decimal_format="number")
_WHOLE = re.compile(r"\s*[+-]?[0-9]+\s*")
_DECIMAL = re.compile(r"\s*[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?\s*")
_EXACT = 2**53
"""From here on, a float does not represent every whole number."""
_TRUE, _FALSE = {"true", "yes", "1", "t", "y"}, {"false", "no", "0", "f", "n"}


class Transform(Declaration, frozen=True, kw_only=True):
    """Changes records, in the order of the attributes.

    Absent fields are skipped, and null is not cast. A cast never alters a value: a number with decimals is no integer,
    and arrays, objects and booleans become the text of their JSON. A nested object is dropped or redacted as a whole,
    also with `flatten`.

    Attributes:
        keep: Keep only records whose field has one of the values.
        flatten: Move the fields of nested objects to the top, with this text between the names (`"_"`).
        select: Keep only these fields.
        drop: Remove these fields.
        redact: Replace the values of these fields.
        cast: Convert these fields to a type.
        rename: Rename these fields.

    Raises:
        SettingsError: Two fields are renamed to one name. Or `select`, `redact` or `cast` has a name that only `rename`
            makes.
    """

    keep: Mapping[str, tuple[str | int | float | bool | None, ...]] = {}
    flatten: str | None = None
    select: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    redact: tuple[str, ...] = ()
    cast: Mapping[str, Literal["text", "integer", "number", "boolean"]] = {}
    rename: Mapping[str, str] = {}

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check("rename", len({*self.rename.values()}) == len(self.rename), "another new name for each field")
        made = {*self.rename.values()} - self.rename.keys()
        for field in ("select", "redact", "cast"):
            early = sorted(made.intersection(getattr(self, field)))
            self._check(
                field, not early, f"the names before rename: {', '.join(early)} is made by rename, the last step"
            )

    @property
    def named(self) -> tuple[str, ...]:
        """The fields that a CSV table must have. A dropped field may be absent."""
        return (*self.keep, *self.select, *self.redact, *self.cast, *self.rename)

    def withholds(self, name: str) -> bool:
        """Return whether a field never reaches the lake: it is dropped, redacted or not selected."""
        return bool(self.select and name not in self.select) or name in self.drop or name in self.redact

    def withhold(self, raw: msgspec.Raw | bytes) -> dict[str, Any]:
        """Return a record with its own shape and bytes, without the fields that never reach the lake.

        Dropped and not selected fields are absent, redacted ones are redacted. A nested field is known by the name that
        `flatten` makes. A field of `keep` stays if it has one of the values to keep.

        Raises:
            InvalidData: `drop` or `redact` has a name with a dot, as in `apply`.
        """
        if any("." in name for name in (*self.drop, *self.redact)):
            self._check_dotted(msgspec.json.decode(raw))
        return self._withheld(raw, "")

    def _withheld(self, raw: msgspec.Raw | bytes, above: str) -> dict[str, Any]:
        kept: dict[str, Any] = {}
        for field, value in _MEMBERS.decode(raw).items():
            name, text = above + field, bytes(memoryview(value))
            is_whole = name in self.drop or name in self.redact
            if self.flatten is not None and text.startswith(b"{") and not is_whole:
                kept[field] = self._withheld(text, f"{name}{self.flatten}")
            elif not self.withholds(name) or (not above and self._is_kept(field, text)):
                kept[field] = msgspec.Raw(text)
            elif text == b"null":
                kept[field] = None
            elif name in self.redact or (not above and field in self.keep):
                kept[field] = _REDACTED
        return kept

    def _is_kept(self, field: str, text: bytes) -> bool:
        return field in self.keep and _is_in(msgspec.json.decode(text), self.keep[field])

    def apply(self, record: dict[str, Any]) -> dict[str, Any] | None:
        """Return the changed record, or None if it is left out.

        Raises:
            InvalidData: A value cannot be cast. Two fields of the record get the same name. `drop` or `redact` has a
                name with a dot, and the record has that field only in a nested object.
        """
        if not all(_is_in(record.get(name), values) for name, values in self.keep.items()):
            return None
        self._check_dotted(record)
        if self.flatten is not None:
            record = _named_once(_flat(record, self.flatten, {*self.drop, *self.redact}))
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
            record = _named_once((self.rename.get(name, name), value) for name, value in record.items())
        return record

    def _check_dotted(self, record: Mapping[str, Any]) -> None:
        """Raise InvalidData for `user.email` if it would leave the email of a nested object readable."""
        if self.flatten == ".":
            return
        for name in (*self.drop, *self.redact):
            if "." in name and name not in record and _has(record, name.split(".")):
                raise InvalidData(
                    f"transform names {name}, which is in a nested object; drop or redact {name.partition('.')[0]}, or "
                    'declare flatten="."'
                )


def _is_in(value: Any, values: tuple[Any, ...]) -> bool:
    """Return whether a value is one of `values`. True is not 1."""
    return any(value == each and isinstance(value, bool) == isinstance(each, bool) for each in values)


def _has(record: Any, steps: list[str]) -> bool:
    for step in steps:
        if not isinstance(record, Mapping) or step not in record:
            return False
        record = record[step]
    return True


def _flat(record: dict[str, Any], between: str, whole: set[str], above: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the fields of a record without nesting, except for those in `whole`."""
    for field, value in record.items():
        name = above + field
        if isinstance(value, dict) and name not in whole:
            yield from _flat(value, between, whole, f"{name}{between}")
        else:
            yield name, value


def _named_once(fields: Iterator[tuple[str, Any]]) -> dict[str, Any]:
    record: dict[str, Any] = {}
    for name, value in fields:
        if name in record:
            raise InvalidData(f"transform makes two fields with the name {name}: rename or drop one of them")
        record[name] = value
    return record


def _cast(name: str, value: Any, kind: str) -> Any:
    try:
        return _CASTS[kind](value)
    except (TypeError, ValueError, ArithmeticError):
        raise InvalidData(f"{name} is {type(value).__name__}, which cannot be made {kind}") from None


def _integer(value: Any) -> int:
    if isinstance(value, str) and not _WHOLE.fullmatch(value):
        raise ValueError  # int() accepts 1_000, and digits of every script
    whole = int(value)
    if not isinstance(value, str) and whole != value:
        raise ValueError
    if isinstance(value, float) and abs(whole) >= _EXACT:
        raise ValueError  # its last digits are not those of the answer
    return whole


def _number(value: Any) -> int | float | Decimal:
    """Return a number unchanged, and text as a number: a Decimal where a float is not exact."""
    if isinstance(value, Decimal) or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    if not isinstance(value, str):
        return float(value)
    if not _DECIMAL.fullmatch(value):
        raise ValueError  # float() accepts nan, inf and 1_000
    if math.isinf(float(value)):
        raise ValueError  # no reader of JSON would accept it
    return exact_number(value.strip())


def exact_number(text: str) -> float | Decimal:
    """Return the number that `text` is: binary if that is the same number, else decimal."""
    binary, exact = float(text), Decimal(text)
    return binary if Decimal(repr(binary)) == exact else exact


def _boolean(value: Any) -> bool:
    text = str(value).lower()
    if text not in _TRUE | _FALSE:
        raise ValueError(text)
    return text in _TRUE


def _text(value: Any) -> str:
    return value if isinstance(value, str) else _ENCODER.encode(value).decode()


_CASTS: Mapping[str, Callable[[Any], Any]] = {
    "text": _text,
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
}
