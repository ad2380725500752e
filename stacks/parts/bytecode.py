"""Bytecode for a package. Lambda mounts the code read-only, so without it each cold start compiles every module."""

import functools
import shutil
import subprocess
import sys
from pathlib import Path

# The folder where Lambda mounts a package. Tracebacks name it.
_TASK_ROOT = "/var/task"


@functools.cache
def find_python(version: str) -> str | None:
    """Return the path of a Python interpreter with this version.

    Args:
        version: Major and minor version, such as `3.13`.

    Returns:
        The running interpreter if it has this version, else the one on the PATH, or None if there is none.
    """
    if version == f"{sys.version_info[0]}.{sys.version_info[1]}":
        return sys.executable
    found = shutil.which(f"python{version}")
    # A version manager may put a shim on the PATH whose interpreter is not installed.
    usable = found and subprocess.run([found, "-I", "-c", ""], capture_output=True, check=False).returncode == 0
    return found if usable else None


def compile_all(folder: Path, python: str) -> None:
    """Write the bytecode of all modules in a folder. The same source gives the same bytes on every machine.

    Python loads it without comparing it to the source, because file dates in a zip archive do not say which is newer.
    A module that does not compile gets no bytecode.

    Args:
        folder: The folder with the modules.
        python: The path of the interpreter that compiles them.

    Source: https://docs.python.org/3/reference/import.html#pyc-invalidation
    """
    command = [python, "-I", "-m", "compileall", "-q", "-s", str(folder), "-p", _TASK_ROOT]
    subprocess.run([*command, "--invalidation-mode", "unchecked-hash", str(folder)], capture_output=True, check=False)
