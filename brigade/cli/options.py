"""Option groups: a dataclass whose fields are options, so that commands share and pass them as one typed value."""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import MISSING, fields, is_dataclass
from typing import Annotated, Any, get_type_hints

import typer

from brigade.errors import UsageError

Yes = Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")]


def expand_options(command: Callable[..., None]) -> Callable[..., None]:
    """Return `command` for typer, with each parameter that is a dataclass replaced by its fields.

    Each field becomes an option of its name, with its `Annotated` type and default. The options keep the order of the
    parameters. The function receives the dataclass made of their values.
    """
    hints = get_type_hints(command, include_extras=True)
    groups = {name: kind for name, kind in hints.items() if is_dataclass(kind) and isinstance(kind, type)}
    parameters: list[inspect.Parameter] = []
    for name, parameter in inspect.signature(command).parameters.items():
        parameters += _options(groups[name]) if name in groups else [parameter.replace(annotation=hints[name])]

    def run(**values: Any) -> None:
        for name, kind in groups.items():
            values[name] = kind(**{field.name: values.pop(field.name) for field in fields(kind)})
        command(**values)

    run.__name__, run.__doc__ = command.__name__, command.__doc__
    run.__annotations__ = {each.name: each.annotation for each in parameters}
    run.__signature__ = inspect.Signature(  # type: ignore[attr-defined]  # what typer reads
        [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in parameters]
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


def parse_arguments(arguments: Sequence[str]) -> dict[str, str]:
    """Return the arguments of `--argument NAME=VALUE` by name.

    Raises:
        UsageError: An argument has no `=`, or a name is set twice.
    """
    values: dict[str, str] = {}
    for text in arguments:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise UsageError(f"--argument {text}: write it as NAME=VALUE")
        if name in values:
            raise UsageError(f"--argument {name} is set twice: remove one")
        values[name] = value
    return values
