"""Put a function in the place of one of ministack's, or behind what makes a resource of a template."""

import functools
from collections.abc import Callable
from typing import Any

from ministack.services.cloudformation import provisioners


def replacing(owner: Any, name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorate a function that then stands for ``owner.name``; it is called with the one it replaced, then as before.

    ``owner`` is a module, a class or, for a table of functions, a dict. Fails with KeyError or AttributeError, when the
    server starts, if there is no such function: then ministack has changed and the patch is to be looked at.
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
    """Decorate a function that is called with each resource of ``kind`` that CloudFormation has made or updated.

    It gets the resource's physical id and its properties in the template. Fails with KeyError, when the server starts,
    if ministack makes no such resource.
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
