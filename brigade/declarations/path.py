r"""The path language of declarations: how a place in a JSON document is named.

    path     = "" | first *( "." name | bracket )        "" is the document itself
    first    = name | bracket
    name     = one or more characters other than . [ ] " '
    bracket  = "[" ( integer | quoted ) "]"              an element of an array, from the end if negative; a member
    quoted   = "..." or '...', in which \ takes the next character as it is

`data.items` and `["data"]["items"]` are the same place. `["@odata.nextLink"]` is a member whose name has a dot,
`data[-1].id` the `id` of the last element of `data`.
"""

import functools
import re
from typing import TypeAlias

from brigade.errors import SettingsError

Path: TypeAlias = tuple[str | int, ...]
"""The steps to a place: the name of a member, or the number of an element."""

_STEP = re.compile(
    r"""(?P<dot>\.)?(?P<name>[^.\[\]"']+)|\[(?:(?P<number>-?\d{1,9})|"(?P<double>(?:[^"\\]|\\.)*)"|'(?P<single>(?:[^'\\]|\\.)*)')\]""",
    re.DOTALL,
)
_PLAIN = re.compile(r"""[^.\[\]"']+""")


@functools.lru_cache(maxsize=256)
def parse_path(text: str) -> Path:
    """Return the steps of a path; none for `""`.

    Raises:
        SettingsError: The text is no path of this language. The line shows where it stops being one.
    """
    steps: list[str | int] = []
    position = 0
    while position < len(text):
        found = _STEP.match(text, position)
        # A name has a dot before it, unless it is the first step.
        if found is None or (found["name"] is not None and bool(found["dot"]) != bool(position)):
            raise SettingsError(
                f"{text!r} is no path, from character {position + 1} on; a path takes names with dots between, "
                'and ["…"] for a name that has a dot, a bracket or a quote in it'
            )
        position = found.end()
        steps.append(_step(found))
    return tuple(steps)


def format_path(steps: Path) -> str:
    """Return the text of a path, with brackets only where a name needs them."""
    text = ""
    for step in steps:
        if isinstance(step, int):
            text += f"[{step}]"
        elif _PLAIN.fullmatch(step):
            text += f".{step}" if text else step
        else:
            escaped = step.replace("\\", "\\\\").replace('"', '\\"')
            text += f'["{escaped}"]'
    return text


def _step(found: "re.Match[str]") -> str | int:
    if found["number"] is not None:
        return int(found["number"])
    if found["name"] is not None:
        return found["name"]
    quoted = found["double"] if found["double"] is not None else found["single"]
    return re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL)
