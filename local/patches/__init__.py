"""Patches of ministack 1.5.33 where it differs from AWS: a module for each service, a function for each symptom.

Each module has `apply()`. The docstring of a patch names the symptom, the version and the repair. A test in
`tests/local` fails without the patch.
"""

import importlib
import pkgutil


def apply() -> None:
    """Apply the patches of every module of this package, in order of their names."""
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda item: item.name):
        importlib.import_module(f"{__name__}.{module.name}").apply()
