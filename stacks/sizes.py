"""Print the size of each Lambda package: `python -m stacks.sizes [aws|local]`.

It prints the files and unzipped MiB of each package. For `local` it also prints the time of a cold import. Packages
for AWS contain wheels for another processor, so this machine cannot import them.
"""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import cast, get_args

from brigade.declarations import find
from brigade.errors import BrigadeError, UsageError
from brigade.ingest.declare.source import BaseSource
from brigade.operations.operation import Operation
from brigade.settings import Target
from stacks.parts.package import Package

_ROOT = Path(__file__).parents[1]


def packages(root: Path, target: Target) -> Iterator[Package]:
    """Yield the package of each declared source and operation, and of each other function."""
    for name in find("lambdas.ingest.sources", "SOURCE", BaseSource):
        yield Package.of_source(root, target, name)
    for name in find("lambdas.batch_operations.operations", "OPERATION", Operation):
        yield Package.of_operation(root, target, name)
    for name in ("arrived", "configure"):
        yield Package.of_inventory(root, target, name)
    for name in ("ended", "recur"):
        yield Package.of_jobs(root, target, name)
    yield Package.of_rotation(root, target)


def cold_import_ms(package: Package, folder: Path) -> float:
    """Return the milliseconds that a new process needs to import the function: the minimum of five runs.

    The process has the packages of AWS's Python runtime. A run before the five writes the bytecode.

    Args:
        package: The package.
        folder: The folder with the content of the package.
    """
    modules = f"{package.handler.rpartition('.')[0]}, {package.declaration}"
    timed = f"import sys, time; sys.path.insert(0, {str(folder)!r}); start = time.perf_counter(); import {modules}"
    program = f"{timed}; print(time.perf_counter() - start)"
    python = _ROOT / ".brigade/lambda-runtime/bin/python"
    environment = {"POWERTOOLS_SERVICE_NAME": "cold"}
    runs = [
        subprocess.run([python, "-I", "-c", program], env=environment, capture_output=True, text=True, check=True)
        for _ in range(6)
    ]
    return 1000 * min(float(run.stdout) for run in runs[1:])


def main(arguments: list[str]) -> None:
    """Print one line for each package.

    Args:
        arguments: The target, `aws` by default.

    Raises:
        UsageError: The target is unknown.
    """
    target = arguments[0] if arguments else "aws"
    if target not in get_args(Target):
        raise UsageError(f"{target}: the target is one of {', '.join(get_args(Target))}")
    for package in packages(_ROOT, cast(Target, target)):
        with package.assembled() as folder:
            sizes = [file.stat().st_size for file in folder.rglob("*") if file.is_file()]
            cold = f"{cold_import_ms(package, folder):5.0f} ms  " if target == "local" else ""
        print(f"{sum(sizes) / 2**20:7.1f} MiB  {len(sizes):5} files  {cold}{package.declaration}")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except BrigadeError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_status)
