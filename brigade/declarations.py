"""What a user declares, found by listing a folder: one module a declaration, nothing else to edit."""

import importlib
import pkgutil
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeVar

from brigade.errors import SettingsError

T = TypeVar("T")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")


def find(package: str, attribute: str, kind: type[T]) -> Mapping[str, T]:
    """Import every module of ``package`` and give its ``attribute`` by the module's name, in order of the names.

    Arguments: ``package``, a dotted name (``lambdas.ingest.sources``); ``attribute``, what each module must define
    (``SOURCE``); ``kind``, the type that it must have.

    Fails with SettingsError, on one line naming the module, when a module does not import, has no such attribute, has
    one of another type, or has a name that AWS resource names cannot carry (lower case, digits, ``_``, 32 at most).
    """
    found: dict[str, T] = {}
    folder = importlib.import_module(package)
    for module in sorted(pkgutil.iter_modules(folder.__path__), key=lambda item: item.name):
        name = f"{package}.{module.name}"
        if not _NAME.fullmatch(module.name):
            raise SettingsError(
                f"{name}: a name is lower-case letters, digits and _, 32 at most, a letter first; rename the file"
            )
        try:
            declared = getattr(importlib.import_module(name), attribute, None)
        except Exception as error:
            raise SettingsError(f"{name} does not import: {type(error).__name__}: {error}") from error
        if not isinstance(declared, kind):
            raise SettingsError(f"{name} must define {attribute} as a {kind.__name__}, not {type(declared).__name__}")
        found[module.name] = declared
    return MappingProxyType(found)
