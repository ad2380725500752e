"""Bytecode in a package: a function cannot write beside its code, so it would compile all of it at each cold start."""

import functools
import shutil
import subprocess
import sys
from pathlib import Path

# Where Lambda puts a package: what tracebacks name.
_PLACE = "/var/task"


@functools.cache
def interpreter(version: str) -> str | None:
    """Give the path of a Python of this version (``3.13``): this one, or the one on the PATH; None without one."""
    if version == f"{sys.version_info[0]}.{sys.version_info[1]}":
        return sys.executable
    found = shutil.which(f"python{version}")
    # One that a version manager puts there may only say that it is not installed.
    usable = found and subprocess.run([found, "-I", "-c", ""], capture_output=True, check=False).returncode == 0
    return found if usable else None


def compile_all(folder: Path, python: str) -> None:
    """Put the bytecode of all modules of the folder beside them; the same source gives the same bytes, anywhere.

    It is bound to nothing but its module: the dates of a zip say nothing
    (https://docs.python.org/3/reference/import.html#pyc-invalidation). A module that this Python cannot compile has
    none.
    """
    command = [python, "-I", "-m", "compileall", "-q", "-s", str(folder), "-p", _PLACE]
    subprocess.run([*command, "--invalidation-mode", "unchecked-hash", str(folder)], capture_output=True, check=False)
