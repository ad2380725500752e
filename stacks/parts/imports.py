"""The modules of this repository that a module imports, directly or not, found by parsing them without running them."""

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

from brigade.errors import SettingsError


def find_imported_files(root: Path, modules: Iterable[str], *, packages: Iterable[str]) -> list[Path]:
    """Return the files of `packages` that an import of `modules` needs.

    That includes the `__init__` of each package that contains a module, imports inside functions, and modules that are
    imported by name: a string that is the dotted name of a module counts as an import. Imports under
    `if TYPE_CHECKING:` count only in a package with a `__getattr__`, and only for the names that are imported from it.

    Args:
        root: The root folder of the repository.
        modules: Dotted names of modules.
        packages: Names of top-level packages, such as `brigade`. Other packages are dependencies.

    Returns:
        Sorted paths relative to `root`.

    Raises:
        SettingsError: A module does not exist.
    """
    own = set(packages)
    files: dict[str, Path] = {}
    pending = list(modules)
    while pending:
        name = pending.pop()
        if name in files or name.partition(".")[0] not in own:
            continue
        file = _find_file(root, name)
        if file is None:
            raise SettingsError(f"{name} is imported, but there is no such module under {root}")
        files[name] = file
        if "." in name:
            pending.append(name.rpartition(".")[0])
        tree = ast.parse((root / file).read_bytes(), str(file))
        pending += _imported_names(root, tree, name if file.name == "__init__.py" else name.rpartition(".")[0])
    return sorted(files.values())


def _find_file(root: Path, name: str) -> Path | None:
    stem = Path(*name.split("."))
    for file in (stem.with_suffix(".py"), stem / "__init__.py"):
        if (root / file).is_file():
            return file
    return None


def _imported_names(root: Path, tree: ast.AST, package: str) -> Iterator[str]:
    for node in _run_time_nodes(tree):
        if isinstance(node, ast.Import):
            for item in node.names:
                yield item.name
                yield from _lazy_modules(root, item.name)
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*parents, *([node.module] if node.module else [])])
            yield base
            for item in node.names:
                # `from brigade import errors` imports a module, `from brigade.errors import NotFound` a name of one.
                if _find_file(root, f"{base}.{item.name}"):
                    yield f"{base}.{item.name}"
                    yield from _lazy_modules(root, f"{base}.{item.name}")
                else:
                    yield from _lazy_modules(root, base, item.name)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and _is_module(root, node.value):
            yield node.value


def _is_module(root: Path, text: str) -> bool:
    return "." in text and all(part.isidentifier() for part in text.split(".")) and _find_file(root, text) is not None


def _lazy_modules(root: Path, package: str, name: str = "*") -> Iterator[str]:
    """Yield the modules from which the `__getattr__` of a package imports a name.

    They are those that its `__init__` imports under `if TYPE_CHECKING:`.

    Args:
        root: The root folder of the repository.
        package: The dotted name of the package.
        name: The imported name. `*`, or the import of the package itself, can use all of its names.
    """
    file = _find_file(root, package)
    if file is None or file.name != "__init__.py":
        return
    body = ast.parse((root / file).read_bytes(), str(file)).body
    if not any(isinstance(node, ast.FunctionDef) and node.name == "__getattr__" for node in body):
        return
    for block in body:
        for node in block.body if isinstance(block, ast.If) and _is_typing_only(block) else ():
            names = {item.asname or item.name for item in node.names} if isinstance(node, ast.ImportFrom) else set()
            if isinstance(node, ast.ImportFrom) and node.module and (name == "*" or name in names):
                yield node.module


def _is_typing_only(node: ast.If) -> bool:
    return ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")


def _run_time_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a syntax tree, except those under `if TYPE_CHECKING:`."""
    yield node
    for child in node.orelse if isinstance(node, ast.If) and _is_typing_only(node) else ast.iter_child_nodes(node):
        yield from _run_time_nodes(child)
