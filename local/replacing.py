"""Put a function in the place of one of ministack's, which it is handed as its first argument."""

import functools
from collections.abc import Callable
from typing import Any


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
