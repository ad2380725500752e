"""Which of our own modules a module imports, and theirs, and so on: found by reading, without running any of them."""

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

from brigade.errors import SettingsError


def closure(root: Path, modules: Iterable[str], *, packages: Iterable[str]) -> list[Path]:
    """Give the files, relative to ``root`` and sorted, that importing ``modules`` needs of ``packages``.

    Arguments: ``modules``, dotted names; ``packages``, the top names (``brigade``, ``lambdas``) whose files count:
    everything else is a dependency. A module brings the ``__init__`` of each package that it is in. Imports inside
    functions count; those under ``if TYPE_CHECKING:`` do not.

    Fails with SettingsError when a module that is asked for or imported is not there.
    """
    own = set(packages)
    files: dict[str, Path] = {}
    todo = list(modules)
    while todo:
        name = todo.pop()
        if name in files or name.partition(".")[0] not in own:
            continue
        file = _file(root, name)
        if file is None:
            raise SettingsError(f"{name} is imported, but there is no such module under {root}")
        files[name] = file
        if "." in name:
            todo.append(name.rpartition(".")[0])
        tree = ast.parse((root / file).read_bytes(), str(file))
        todo += _imported(root, tree, name if file.name == "__init__.py" else name.rpartition(".")[0])
    return sorted(files.values())


def _file(root: Path, name: str) -> Path | None:
    stem = Path(*name.split("."))
    for file in (stem.with_suffix(".py"), stem / "__init__.py"):
        if (root / file).is_file():
            return file
    return None


def _imported(root: Path, tree: ast.AST, package: str) -> Iterator[str]:
    for node in _run_time(tree):
        if isinstance(node, ast.Import):
            yield from (item.name for item in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield base
            # ``from brigade import errors`` names a module, ``from brigade.errors import NotFound`` what is in one.
            yield from (f"{base}.{item.name}" for item in node.names if _file(root, f"{base}.{item.name}"))


def _run_time(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    typing = isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")
    for child in node.orelse if isinstance(node, ast.If) and typing else ast.iter_child_nodes(node):
        yield from _run_time(child)
