"""No Python file is too long to be read at one sitting."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("brigade", "stacks", "lambdas", "local", "tests", "benchmarks")
LONGEST = 300


def too_long(root: Path) -> list[str]:
    counted = {
        file.relative_to(root).as_posix(): len(file.read_text().splitlines())
        for folder in FOLDERS
        for file in sorted((root / folder).rglob("*.py"))
    }
    return [f"{name} has {lines} lines: split it by subject" for name, lines in counted.items() if lines > LONGEST]


def test_no_file_has_more_than_300_lines() -> None:
    assert too_long(ROOT) == []


@pytest.mark.parametrize("lines", [LONGEST, LONGEST + 1])
def test_a_longer_file_is_found(tmp_path: Path, lines: int) -> None:
    (tmp_path / "brigade").mkdir()
    (tmp_path / "brigade" / "module.py").write_text("pass\n" * lines)
    assert len(too_long(tmp_path)) == (lines > LONGEST)
