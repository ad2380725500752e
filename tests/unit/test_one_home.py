"""Each key prefix, resource name, suffix and retryable code is spelled in one module. The others import it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from brigade import layout, names
from brigade.retry import RETRYABLE_CODES

ROOT = Path(__file__).parents[2]
PREFIXES = [value for name, value in vars(layout).items() if name.isupper() and name not in ("ARCHIVE", "DATE")]
TARGET = "brigade/ingest/declare/target.py"
HOMES = {
    rf"(?<![\w/.-])({'|'.join(PREFIXES)})/": "brigade/layout.py",
    re.escape(layout.DATE): "brigade/layout.py",
    r"\.jsonl\.(gz|zst)|/partitions/|windows/|turn\.json|remembered/|\.receipt\.json|refresh-token\.json": TARGET,
    r"\bbrigade[-_]\{|\bbrigade\.\{stage|\{stage\}-|^(ingest|operation)-\{": "brigade/names.py",
    r"(?i)NOT is_delete_marker": "brigade/catalog.py",
    rf"^({'|'.join(RETRYABLE_CODES)})$": "brigade/retry.py",
    re.escape(names.INVENTORY_SUMMARIZED): "brigade/names.py",
}
"""The one module that may spell each text. A key is a regular expression; `{…}` stands for a formatted value."""
ALLOWED = {
    # The endings of objects that a user has, for whatever wrote them.
    "lambdas/batch_operations/operations/to_parquet.py": {".jsonl.gz"},
}


def texts(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """The strings of a module but for its docstrings, each with its line. An f-string is one text."""
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    inner = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield (
                node.lineno,
                "".join(
                    str(part.value) if isinstance(part, ast.Constant) else f"{{{ast.unparse(part.value)}}}"
                    for part in node.values
                    if isinstance(part, ast.Constant | ast.FormattedValue)
                ),
            )
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings | inner:
            yield node.lineno, node.value


def second_spellings(root: Path) -> list[str]:
    found = []
    for file in sorted(file for top in ("brigade", "lambdas", "stacks") for file in (root / top).rglob("*.py")):
        path = file.relative_to(root).as_posix()
        for line, text in texts(ast.parse(file.read_text())):
            for pattern, home in HOMES.items():
                spelled = {match[0] for match in re.finditer(pattern, text)} - ALLOWED.get(path, set())
                if spelled and path != home:
                    found.append(f"{path}:{line} spells {text!r}, which {home} spells")
    return found


def test_no_module_spells_a_key_or_a_name_that_another_one_makes() -> None:
    assert second_spellings(ROOT) == []


@pytest.mark.parametrize(
    "text",
    [
        "key = f'receipts/{source}/'",
        "key = 'manifests/job-1'",
        "text = 'look at jobs/ of the bucket'",
        "key = f'{folder}date={day}/x'",
        "name = f'{source}.jsonl.gz'",
        "name = f'brigade-{stage}-ingest'",
        "source = f'brigade.{stage}'",
        "kind = 'Inventory Summarized'",
        "key = f'{run}windows/{date}.json'",
        "service = f'operation-{name}'",
        "where = 'is_latest AND NOT is_delete_marker'",
        "codes = {'SlowDown'}",
    ],
)
def test_a_second_spelling_is_found(tmp_path: Path, text: str) -> None:
    (tmp_path / "brigade").mkdir()
    (tmp_path / "brigade" / "module.py").write_text(f"{text}\n")
    assert len(second_spellings(tmp_path)) == 1


@pytest.mark.parametrize(
    "text", ["'''It reads receipts/ of the bucket.'''", "path = 'lambdas/ingest/sources'", "name = 'receipts'"]
)
def test_docstrings_and_other_paths_are_no_spellings(tmp_path: Path, text: str) -> None:
    (tmp_path / "brigade").mkdir()
    (tmp_path / "brigade" / "module.py").write_text(f"{text}\n")
    assert second_spellings(tmp_path) == []


def test_the_list_of_stacks_is_that_of_the_stacks() -> None:
    calls = [
        node.args[1].value
        for file in sorted((ROOT / "stacks").glob("*.py"))
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) == "names.stack"
        and isinstance(node.args[1], ast.Constant)
    ]
    assert {*calls} == {*get_args(names.StackNoun)}
