"""``python -m stacks.sizes [aws|local]``: what each function's package holds, in files and MiB unzipped."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import cast, get_args

from brigade.declarations import find
from brigade.errors import BrigadeError, UsageError
from brigade.ingest.feed import Feed
from brigade.operations.operation import Operation
from brigade.settings import Target
from stacks.parts.package import Package

_ROOT = Path(__file__).parents[1]


def packages(root: Path, target: Target) -> Iterator[Package]:
    """Give the package of every source and operation that is declared, and of the functions beside them."""
    for name in find("lambdas.ingest.sources", "SOURCE", Feed):
        yield Package.of_source(root, target, name)
    for name in find("lambdas.batch_operations.operations", "OPERATION", Operation):
        yield Package.of_operation(root, target, name)
    for name in ("arrived", "configure"):
        yield Package.of_inventory(root, target, name)


def main(arguments: list[str]) -> None:
    """Print a line a package."""
    target = arguments[0] if arguments else "aws"
    if target not in get_args(Target):
        raise UsageError(f"{target}: the target is one of {', '.join(get_args(Target))}")
    for package in packages(_ROOT, cast(Target, target)):
        with package.assembled() as folder:
            sizes = [file.stat().st_size for file in folder.rglob("*") if file.is_file()]
        print(f"{sum(sizes) / 2**20:7.1f} MiB  {len(sizes):5} files  {package.declaration}")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except BrigadeError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_status)
