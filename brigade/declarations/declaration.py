"""The base class of declarations: each field is checked against its annotation when an instance is created."""

import difflib
import functools
import re
import types
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

import msgspec

from brigade.errors import SettingsError

_UNIONS = (Union, types.UnionType)
_NAMES: Mapping[Any, str] = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "True or False",
    type(None): "None",
    Any: "any value",
}


class _Checked(msgspec.StructMeta):
    """Raises SettingsError for a wrong keyword, with the names of the class and its fields."""

    if not TYPE_CHECKING:  # a type checker must see the arguments of each class, not these

        def __call__(self, *values, **fields):
            for name in fields:
                if name not in self.__struct_fields__:
                    near = difflib.get_close_matches(name, self.__struct_fields__, 1)
                    known = f"did you mean {near[0]!r}" if near else f"it takes {', '.join(self.__struct_fields__)}"
                    raise SettingsError(f"{self.__name__} has no field {name!r}; {known}")
            try:
                return super().__call__(*values, **fields)
            except TypeError as error:
                if str(error).startswith(("Missing required", "Extra positional")):
                    raise SettingsError(f"{self.__name__}: {error}") from None
                raise


class Declaration(msgspec.Struct, metaclass=_Checked, frozen=True):
    """A frozen struct that validates its fields: type, range (`msgspec.Meta`) and choice (`Literal`).

    Nothing is coerced: text is no sequence of text, a boolean is no number. Lists become tuples. A subclass that has a
    `__post_init__` of its own calls this one first.

    Raises:
        SettingsError: The line names the class, the field and what the field takes. It shows numbers and choices; of
            other text, which may be a secret, it shows only the type.
    """

    def __post_init__(self) -> None:
        for name, kind, default in _fields(type(self)):
            value = getattr(self, name)
            if value is default:
                continue
            try:
                valid = _valid(value, kind)
            except _Wrong as wrong:
                said = f"{self._name()}.{name}{wrong.place} is {wrong.shown}; it takes {_takes(kind)}"
                if isinstance(value, str) and _holds_texts(kind):
                    said += ', as in ("name",): the comma makes the sequence'
                raise SettingsError(said) from None
            if valid is not value:
                msgspec.structs.force_setattr(self, name, valid)

    @classmethod
    def _name(cls) -> str:
        return next(each.__name__ for each in cls.__mro__ if each.__module__.startswith("brigade."))

    def _check(self, field: str, good: object, takes: str, *, shown: bool = True) -> None:
        """Raise SettingsError unless `good`. `shown`: whether the line may show the value, which is then no secret."""
        if not good:
            value = repr(getattr(self, field)) if shown else "not usable"
            raise SettingsError(f"{self._name()}.{field} is {value}; it takes {takes}")


class _Wrong(Exception):
    """A wrong value: its `place` in the field (`[0]`), and its text as far as it may be shown."""

    def __init__(self, shown: str, place: str = "") -> None:
        self.shown, self.place = shown, place


@functools.cache
def _fields(kind: type[msgspec.Struct]) -> tuple[tuple[str, Any, Any], ...]:
    return tuple((field.name, field.type, field.default) for field in msgspec.structs.fields(kind))


def _valid(value: Any, kind: Any) -> Any:
    """Return `value` converted to `kind`, or raise _Wrong."""
    if _is_plain(kind):
        try:
            return msgspec.convert(value, kind)
        except msgspec.ValidationError as error:
            what, _, place = str(error).partition(" - at `$")
            inner = re.search(r"got `(\w+)`", what)
            shown = f"of type {inner[1]}" if inner else "not allowed"
            raise _Wrong(shown if place else _shown(value, kind), place.rstrip("`").replace("...", "…")) from None
    origin, arms = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _valid(value, arms[0])
    if origin in _UNIONS:
        return _one_of(value, arms)
    if origin is tuple:
        if isinstance(value, str) or not isinstance(value, Sequence):
            raise _Wrong(_a(value))
        return tuple(_element(number, each, arms[0]) for number, each in enumerate(value))
    if origin is type:
        if not (isinstance(value, type) and issubclass(value, arms[0])):
            raise _Wrong(_a(value))
    elif not (callable(value) if _is_function(kind) else isinstance(value, origin or kind)):
        raise _Wrong(_a(value))
    return value


def _one_of(value: Any, arms: Sequence[Any]) -> Any:
    wrong: _Wrong | None = None
    for arm in arms:
        try:
            return _valid(value, arm)
        except _Wrong as error:
            wrong = error if wrong is None or error.place else wrong
    raise wrong or _Wrong(_a(value))


def _element(number: int, value: Any, kind: Any) -> Any:
    try:
        return _valid(value, kind)
    except _Wrong as wrong:
        raise _Wrong(wrong.shown, f"[{number}]{wrong.place}") from None


@functools.cache
def _is_plain(kind: Any) -> bool:
    """Return whether msgspec supports every part of an annotation."""
    if get_origin(kind) is Literal:
        return True
    parts = [part for part in get_args(kind) if part is not Ellipsis and not isinstance(part, msgspec.Meta)]
    if parts:
        known = (*_UNIONS, Annotated, tuple, Mapping, Sequence)
        return get_origin(kind) in known and all(map(_is_plain, parts))
    return kind in _NAMES


def _is_function(kind: Any) -> bool:
    return get_origin(kind) is Callable or kind is Callable


def _a(value: Any) -> str:
    return "None" if value is None else f"{'an' if type(value).__name__[0] in 'aeiou' else 'a'} {type(value).__name__}"


def _shown(value: Any, kind: Any) -> str:
    """Return a number or a choice as text, and of anything else only the type: it may be a secret."""
    is_choice = isinstance(value, str) and any(get_origin(arm) is Literal for arm in (kind, *get_args(kind)))
    return repr(value) if is_choice or isinstance(value, bool | int | float) else _a(value)


def _holds_texts(kind: Any) -> bool:
    arms = get_args(kind) if get_origin(kind) in _UNIONS else (kind,)
    return any(get_origin(arm) in (tuple, Sequence) for arm in arms)


def _takes(kind: Any) -> str:
    """Return the valid values of an annotation in words."""
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _bounded(_takes(parts[0]), parts[1])
    if origin is Literal:
        return " or ".join(map(repr, parts))
    if origin in _UNIONS:
        return " or ".join(map(_takes, parts))
    if origin in (tuple, Sequence):
        return f"a sequence of {_takes(parts[0])}"
    if origin is Mapping:
        return f"a mapping of {_takes(parts[0])} to {_takes(parts[1])}"
    if origin is type:
        return f"a class of the kind {parts[0].__name__}"
    return "a function" if _is_function(kind) else _NAMES.get(kind) or f"a {kind.__name__}"


def _bounded(what: str, meta: msgspec.Meta) -> str:
    if meta.description:
        return meta.description
    least, most = meta.ge, meta.le
    if least is not None and most is not None:
        return f"{what}, {least} to {most}"
    if meta.gt is not None:
        return f"{what} above {meta.gt}" + (f", {most} at most" if most is not None else "")
    if least is not None:
        return f"{what}, {least} or more"
    return f"{what} that is not empty" if meta.min_length else what
