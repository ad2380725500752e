"""Combinations of options in which one has no effect: declared beside the command, rejected before it starts."""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from brigade.errors import UsageError


@dataclass(frozen=True)
class Combinations:
    """The rules of one command, by the names of its parameters.

    Args:
        needs: By parameter, the parameters that it depends on, such as `"gzip zstd"`. One of them must be set.
            `"codec=pickle"` requires that value.
        excludes: By parameter, the parameters that must not be set with it, such as `"resume sha256"`.
    """

    needs: Mapping[str, str]
    excludes: Mapping[str, str]

    def check(self, values: Mapping[str, Any], is_set: Callable[[str], bool], spelling: Callable[[str], str]) -> None:
        """Check the values of one call.

        Args:
            values: The value of each parameter, by its name.
            is_set: Whether the caller set this parameter; False for a default.
            spelling: The name of this parameter on the command line.

        Raises:
            UsageError: A parameter is set and has no effect. The message names both parameters.
        """
        for name, others in self.excludes.items():
            for other in filter(is_set, others.split() if is_set(name) else []):
                raise UsageError(f"{spelling(name)} and {spelling(other)} exclude each other: leave one of them out")
        for name, others in self.needs.items():
            if is_set(name) and not any(_holds(other, values) for other in others.split()):
                needed = " or ".join(_spell_need(other, spelling) for other in others.split())
                raise UsageError(f"{spelling(name)} has no effect without {needed}: add it, or leave the option out")


def check_combinations(
    *, needs: Mapping[str, str] | None = None, excludes: Mapping[str, str] | None = None
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return a decorator that checks `Combinations` before the command runs. The command has a parameter `context`."""
    rules = Combinations(needs or {}, excludes or {})

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(command)
        def run(**values: Any) -> None:
            context = values["context"]
            spellings = {each.name: _spell(each) for each in context.command.params}
            rules.check(values, lambda name: _is_set(context, name, values[name]), spellings.__getitem__)
            command(**values)

        run.combinations = rules  # type: ignore[attr-defined]  # a test reads it and tries every rule
        return run

    return decorate


def _is_set(context: Any, name: str, value: Any) -> bool:
    source = context.get_parameter_source(name)
    return value not in (None, False, []) and source is not None and source.name not in {"DEFAULT", "DEFAULT_MAP"}


def _spell(parameter: Any) -> str:
    return str(parameter.opts[0] if parameter.param_type_name == "option" else parameter.name.upper())


def _holds(need: str, values: Mapping[str, Any]) -> bool:
    name, equals, value = need.partition("=")
    return str(values[name]) == value if equals else bool(values[name])


def _spell_need(need: str, spelling: Callable[[str], str]) -> str:
    name, equals, value = need.partition("=")
    return f"{spelling(name)} {value}" if equals else spelling(name)
