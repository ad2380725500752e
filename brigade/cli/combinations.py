"""Combinations of options in which one has no effect: declared beside the command, and refused before it starts."""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from brigade.errors import UsageError


@dataclass(frozen=True)
class Combinations:
    """The rules of one command, by the names of its parameters.

    `needs` maps a parameter to those that it needs one of: `"gzip zstd"`, or `"codec=pickle"` for one value.
    `excludes` maps a parameter to those that do not go with it: `"resume sha256"`.
    """

    needs: Mapping[str, str]
    excludes: Mapping[str, str]

    def check(self, given: Mapping[str, Any], set_: Callable[[str], bool], spelled: Callable[[str], str]) -> None:
        """Raise UsageError for a parameter that was set without effect. The message names both.

        Args:
            given: The values by the parameters' names.
            set_: Whether the caller set a parameter, rather than its default.
            spelled: A parameter's name as the caller writes it.
        """
        for name, others in self.excludes.items():
            for other in filter(set_, others.split() if set_(name) else []):
                raise UsageError(f"{spelled(name)} and {spelled(other)} exclude each other: leave one of them out")
        for name, others in self.needs.items():
            if set_(name) and not any(_holds(other, given) for other in others.split()):
                wanted = " or ".join(_spelled(other, spelled) for other in others.split())
                raise UsageError(f"{spelled(name)} has no effect without {wanted}: add it, or leave the option out")


def check_combinations(
    *, needs: Mapping[str, str] | None = None, excludes: Mapping[str, str] | None = None
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return a decorator of a command that checks its `Combinations` first. The command has a parameter `context`."""
    rules = Combinations(needs or {}, excludes or {})

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(command)
        def run(**given: Any) -> None:
            context = given["context"]
            names = {each.name: _name(each) for each in context.command.params}
            rules.check(given, lambda name: _is_set(context, name, given[name]), names.__getitem__)
            command(**given)

        run.combinations = rules  # type: ignore[attr-defined]  # what the sweep of all commands reads
        return run

    return decorate


def _is_set(context: Any, name: str, value: Any) -> bool:
    source = context.get_parameter_source(name)
    return value not in (None, False, []) and source is not None and source.name not in {"DEFAULT", "DEFAULT_MAP"}


def _name(parameter: Any) -> str:
    return str(parameter.opts[0] if parameter.param_type_name == "option" else parameter.name.upper())


def _holds(other: str, given: Mapping[str, Any]) -> bool:
    name, equals, value = other.partition("=")
    return str(given[name]) == value if equals else bool(given[name])


def _spelled(other: str, spelled: Callable[[str], str]) -> str:
    name, equals, value = other.partition("=")
    return f"{spelled(name)} {value}" if equals else spelled(name)
