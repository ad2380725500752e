"""No modules import each other in a circle, and no packages do, not even inside functions or for types only."""

import ast
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOP = ("brigade", "lambdas", "stacks", "local")
Graph = Mapping[str, set[str]]


def name_of(file: Path, root: Path) -> str:
    return ".".join(file.relative_to(root).with_suffix("").parts).removesuffix(".__init__")


def files(root: Path) -> dict[str, Path]:
    return {name_of(file, root): file for top in TOP for file in sorted((root / top).rglob("*.py"))}


def runs_at_import(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a module that run when it is imported."""
    yield node
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        return
    is_typing = isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
    for child in node.orelse if isinstance(node, ast.If) and is_typing else ast.iter_child_nodes(node):
        yield from runs_at_import(child)


def imported(name: str, file: Path, known: Mapping[str, Path], *, everywhere: bool) -> set[str]:
    tree = ast.parse(file.read_bytes())
    package = name if file.name == "__init__.py" else name.rpartition(".")[0]
    found: set[str] = set()
    for node in ast.walk(tree) if everywhere else runs_at_import(tree):
        if isinstance(node, ast.Import):
            found.update(item.name for item in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*parents, *([node.module] if node.module else [])])
            names = {f"{base}.{item.name}" for item in node.names}
            modules = names & known.keys()
            found |= modules | ({base} if names - modules else set())
    return (found & known.keys()) - {name}


def modules(root: Path) -> Graph:
    known = files(root)
    return {name: imported(name, file, known, everywhere=False) for name, file in known.items()}


def packages(root: Path) -> Graph:
    """The packages, by all imports. A module beside packages is a node of its own."""
    known = files(root)
    inner = {name for name, file in known.items() if file.name == "__init__.py"}
    outer = {name.rpartition(".")[0] for name in inner}

    def node(name: str) -> str:
        package = name if name in inner else name.rpartition(".")[0]
        return name if package in outer else package

    graph: dict[str, set[str]] = {}
    for name, file in known.items():
        targets = {node(each) for each in imported(name, file, known, everywhere=True)}
        graph.setdefault(node(name), set()).update(targets - {node(name)})
    return graph


def circles(graph: Graph) -> list[list[str]]:
    """The groups of nodes that reach each other (Tarjan)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for target in sorted(graph.get(node, ())):
            if target not in index:
                visit(target)
                low[node] = min(low[node], low[target])
            elif target in stack:
                low[node] = min(low[node], index[target])
        if low[node] == index[node]:
            group = stack[stack.index(node) :]
            del stack[stack.index(node) :]
            if len(group) > 1:
                found.append(sorted(group))

    for node in graph:
        if node not in index:
            visit(node)
    return found


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert circles(modules(ROOT)) == []


def test_no_packages_import_each_other_in_a_circle() -> None:
    assert circles(packages(ROOT)) == []


def test_the_stacks_are_forbidden_all_of_ingest_but_its_declarations() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (contract,) = (each for each in contracts if "brigade.ingest.read" in each.get("forbidden_modules", ()))
    inside = {name for name in files(ROOT) if name.startswith("brigade.ingest.") and name.count(".") == 2}
    assert set(contract["forbidden_modules"]) == inside - {"brigade.ingest.declare"}
    assert not contract.get("allow_indirect_imports", False)


@pytest.mark.parametrize(
    ("text", "is_module_circle", "is_package_circle"),
    [
        ("import brigade.one.a\n", True, True),
        ("from ..one import a\n", True, True),
        ("def f():\n    from brigade.one.a import x\n", False, True),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from brigade.one import a\n", False, True),
        ("import os\n", False, False),
    ],
)
def test_a_circle_is_found(tmp_path: Path, text: str, is_module_circle: bool, is_package_circle: bool) -> None:
    for name in ("brigade/__init__", "brigade/one/__init__", "brigade/two/__init__"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / f"{name}.py").touch()
    (tmp_path / "brigade/one/a.py").write_text("from brigade.two import b\n")
    (tmp_path / "brigade/two/b.py").write_text(text)
    assert bool(circles(modules(tmp_path))) is is_module_circle
    assert bool(circles(packages(tmp_path))) is is_package_circle
