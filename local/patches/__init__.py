"""What ministack 1.5.33 does otherwise than AWS and this application needs: a module a service, a function a symptom.

Each module has ``apply()``; a patch is a function whose docstring gives the symptom, the version, and what it mends,
and which has a test in ``tests/local`` that fails without it.
"""

import importlib
import pkgutil


def apply() -> None:
    """Apply the patches of every module of this package, in order of their names."""
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda item: item.name):
        importlib.import_module(f"{__name__}.{module.name}").apply()
