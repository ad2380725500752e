"""The language of the code: docstrings begin with a plain word, and a name means one thing."""

import ast
import functools
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CODE = ("brigade", "stacks", "lambdas", "local", "benchmarks")
NO_VERBS = frozenset(
    [
        "give",
        "gives",
        "take",
        "takes",
        "tell",
        "tells",
        "say",
        "says",
        "hear",
        "hears",
        "look",
        "looks",
        "come",
        "comes",
        "what",
        "who",
        "whom",
        "whose",
        "where",
        "whether",
        "how",
        "which",
        "that",
        "when",
        "why",
        "whoever",
        "whatever",
        "nor",
        "so",
        "of",
    ]
)
"""Words with which no docstring begins: a riddle, or a verb that does not say what a function does."""

Defined = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@functools.cache
def files(*folders: str) -> list[tuple[str, ast.Module]]:
    """Return the path of each module, from the root of the repository, and its syntax tree."""
    found = sorted(file for name in folders for file in (ROOT / name).rglob("*.py"))
    return [(str(file.relative_to(ROOT)), ast.parse(file.read_text())) for file in found]


def openings(tree: ast.Module) -> Iterator[str]:
    """Yield each docstring that begins with a word of the list."""
    for node in ast.walk(tree):
        if isinstance(node, Defined | ast.Module):
            text = ast.get_docstring(node) or ""
            if text and text.split()[0].strip(".,:;").lower() in NO_VERBS:
                yield f"{getattr(node, 'name', 'module')}: {text.splitlines()[0]}"


def shadows(tree: ast.Module) -> Iterator[str]:
    """Yield each local name that hides a function or an imported module of its file."""
    outer = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            outer |= {(each.asname or each.name).partition(".")[0] for each in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            outer |= {each.asname or each.name for each in node.names if is_module(node.module, each.name)}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            arguments = node.args
            named = [each.arg for each in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
            stored = [
                each.id for each in own_nodes(node) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)
            ]
            yield from (f"{node.name}: {name}" for name in sorted({*named, *stored} & outer))


def own_nodes(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[ast.AST]:
    """Yield the nodes of a function, without those of the functions and classes in it."""
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        yield node
        waiting += [each for each in ast.iter_child_nodes(node) if not isinstance(each, Defined)]


def is_module(package: str, name: str) -> bool:
    """Return whether a name imported from a package of this repository is a module."""
    place = ROOT.joinpath(*package.split("."), name)
    return place.with_suffix(".py").exists() or (place / "__init__.py").exists()


def test_no_docstring_begins_with_a_riddle() -> None:
    assert [f"{path}: {each}" for path, tree in files(*CODE, "tests") for each in openings(tree)] == []


def test_no_local_name_hides_a_function_or_a_module() -> None:
    assert [f"{path}: {each}" for path, tree in files(*CODE) for each in shadows(tree)] == []


def test_no_two_public_classes_share_a_name() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for path, tree in files("brigade", "stacks", "lambdas"):
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(path)
    del places["Arguments"]  # each operation of a user declares its own, by this name
    shared = {name: found for name, found in places.items() if len(found) > 1}
    assert shared == {}


@pytest.mark.parametrize(
    ("code", "finding"),
    [
        ('def f():\n    """Give it."""', "f: Give it."),
        ('"""Whether: it is."""', "module: Whether: it is."),
        ('class A:\n    """What, then?"""', "A: What, then?"),
    ],
)
def test_a_riddle_is_found(code: str, finding: str) -> None:
    assert list(openings(ast.parse(code))) == [finding]
    assert list(openings(ast.parse('def f():\n    """Return it, whatever it is."""'))) == []


@pytest.mark.parametrize(
    ("code", "finding"),
    [
        ("def f(): ...\ndef g(f): ...", "g: f"),
        ("def f(): ...\ndef g():\n    for f in []: ...", "g: f"),
        ("def f(): ...\ndef g():\n    if (f := 1): ...", "g: f"),
        ("import json\ndef g(*, json=1): ...", "g: json"),
        ("from brigade.cli import session\ndef g():\n    session = 1", "g: session"),
        ("def f(): ...\nclass A:\n    def g(self, f): ...", "g: f"),
    ],
)
def test_a_name_that_hides_another_is_found(code: str, finding: str) -> None:
    assert list(shadows(ast.parse(code))) == [finding]


def test_a_name_of_its_own_is_no_finding() -> None:
    assert list(shadows(ast.parse("from pathlib import Path\ndef f():\n    own = Path(f)"))) == []
