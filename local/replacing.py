"""Replace a function of ministack, or extend how it makes a resource of a template."""

import functools
from collections.abc import Callable
from typing import Any

from ministack.services.cloudformation import provisioners


def replacing(owner: Any, name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorate a function that replaces `owner.name`. Its first argument is the replaced function.

    Args:
        owner: A module, a class, or a dict for a table of functions.
        name: The name of the function in it.

    Raises:
        KeyError, AttributeError: There is no such function when the server starts: ministack has changed, so check the
            patch.
    """

    def place(function: Callable[..., Any]) -> Callable[..., Any]:
        original = owner[name] if isinstance(owner, dict) else getattr(owner, name)

        @functools.wraps(original)
        def stand_in(*arguments: Any, **named: Any) -> Any:
            return function(original, *arguments, **named)

        if isinstance(owner, dict):
            owner[name] = stand_in
        else:
            setattr(owner, name, stand_in)
        return function

    return place


def provisioned(kind: str) -> Callable[[Callable[[str, Any], None]], Callable[[str, Any], None]]:
    """Decorate a function that is called with each resource of `kind` that CloudFormation has created or updated.

    The function receives the physical id of the resource and its properties in the template.

    Raises:
        KeyError: ministack makes no such resource when the server starts.
    """
    handlers = provisioners._RESOURCE_HANDLERS[kind]

    def place(function: Callable[[str, Any], None]) -> Callable[[str, Any], None]:
        @replacing(handlers, "create")
        def create(original: Any, logical_id: str, properties: Any, *rest: Any, **named: Any) -> Any:
            made = original(logical_id, properties, *rest, **named)
            function(made[0], properties)
            return made

        @replacing(handlers, "update")
        def update(original: Any, physical_id: str, old: Any, properties: Any, *rest: Any, **named: Any) -> Any:
            made = original(physical_id, old, properties, *rest, **named)
            function(made[0], properties)
            return made

        return function

    return place
