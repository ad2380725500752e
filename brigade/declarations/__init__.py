"""Find the declarations of users: each module of a folder has one."""

import importlib
import pkgutil
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeVar

from brigade.declarations.declaration import Declaration
from brigade.errors import SettingsError

__all__ = ["Declaration", "find", "find_all"]

T = TypeVar("T")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")


def find(package: str, attribute: str, kind: type[T]) -> Mapping[str, T]:
    """Return the declarations of `package` by module name, sorted by name. One invalid declaration raises.

    Args:
        package: A dotted name, such as `lambdas.ingest.sources`. Every module in it is imported.
        attribute: What each module must define, such as `SOURCE`.
        kind: The type that the attribute must have.

    Raises:
        SettingsError: A module does not import, has no such attribute, has one of another type, or has a name that
            AWS resource names cannot carry (lower case, digits, `_`, 32 at most). The line names the module.
    """
    found, broken = find_all(package, attribute, kind)
    for error in broken.values():
        raise error
    return found


def find_all(package: str, attribute: str, kind: type[T]) -> tuple[Mapping[str, T], Mapping[str, SettingsError]]:
    """Return the valid declarations of `package`, and the errors of the invalid ones, by module name.

    `find` has the arguments and the errors.
    """
    found: dict[str, T] = {}
    broken: dict[str, SettingsError] = {}
    folder = importlib.import_module(package)
    for module in sorted(pkgutil.iter_modules(folder.__path__), key=lambda item: item.name):
        try:
            found[module.name] = _load(package, module.name, attribute, kind)
        except SettingsError as error:
            broken[module.name] = error
    return MappingProxyType(found), MappingProxyType(broken)


def _load(package: str, module: str, attribute: str, kind: type[T]) -> T:
    name = f"{package}.{module}"
    if not _NAME.fullmatch(module):
        raise SettingsError(
            f"{name}: a name is lower-case letters, digits and _, 32 at most, a letter first; rename the file"
        )
    try:
        declared = getattr(importlib.import_module(name), attribute, None)
    except SettingsError as error:
        raise SettingsError(f"{name}: {error}") from error
    except Exception as error:
        said = str(error).partition("\n")[0]
        raise SettingsError(f"{name} does not import: {type(error).__name__}: {said}") from error
    if not isinstance(declared, kind):
        raise SettingsError(f"{name} must define {attribute} as a {kind.__name__}, not {type(declared).__name__}")
    return declared
