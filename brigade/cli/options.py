"""Options that several commands share: declared once, as the fields of a dataclass."""

import inspect
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, get_type_hints


def expand_options(command: Callable[..., None]) -> Callable[..., None]:
    """Make a command of a function some of whose parameters are dataclasses of options.

    Each field becomes an option of its name, with its ``Annotated`` type and default; the function is given the
    dataclass made of them. The order is that of the function's parameters, a dataclass in its place.
    """
    hints = get_type_hints(command, include_extras=True)
    groups = {name: kind for name, kind in hints.items() if is_dataclass(kind) and isinstance(kind, type)}
    asked: list[inspect.Parameter] = []
    for name, parameter in inspect.signature(command).parameters.items():
        asked += _options(groups[name]) if name in groups else [parameter.replace(annotation=hints[name])]

    def run(**given: Any) -> None:
        for name, kind in groups.items():
            given[name] = kind(**{field.name: given.pop(field.name) for field in fields(kind)})
        command(**given)

    run.__name__, run.__doc__ = command.__name__, command.__doc__
    run.__annotations__ = {each.name: each.annotation for each in asked}
    run.__signature__ = inspect.Signature(  # type: ignore[attr-defined]  # what typer reads
        [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in asked]
    )
    return run


def _options(group: Any) -> list[inspect.Parameter]:
    hints = get_type_hints(group, include_extras=True)
    return [
        inspect.Parameter(
            each.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if each.default is MISSING else each.default,
            annotation=hints[each.name],
        )
        for each in fields(group)
    ]
