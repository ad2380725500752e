"""Apply a mutation to a copy of the sources, and run the tests that must fail because of it."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tests.mutations.mutation import Mutation

ROOT = Path(__file__).resolve().parents[2]
MUTATED = ("brigade", "lambdas", "stacks")
_COPIED = (*MUTATED, "local", "tests")
_FILES = ("app.py", "cdk.json", "pyproject.toml")
_LIMIT_S = 240.0
_FAILED = re.compile(r"^FAILED (\S+?::.+?) - (\w+)", re.MULTILINE)
# With these errors the changed code does not run at all, so a test that fails has noticed nothing.
_BROKEN = ("ImportError", "IndentationError", "ModuleNotFoundError", "NameError", "SyntaxError", "UnboundLocalError")
_WHERE = "import brigade, lambdas, stacks\nfor each in (brigade, lambdas, stacks): print(each.__file__)"


class Outcome(NamedTuple):
    """The verdict over a mutation: `killed`, `survived`, `broken` (its code does not run) or `timed out`.

    Attributes:
        test: The test that failed, or the end of the output if the mutation was not killed.
    """

    verdict: str
    test: str
    seconds: float


def find_file(mutation: Mutation) -> Path:
    """Return the file with the text of a mutation, relative to the repository.

    Raises:
        ValueError: The text does not occur exactly once.
    """
    files = [file for folder in MUTATED for file in sorted((ROOT / folder).rglob("*.py"))]
    found = [file.relative_to(ROOT) for file in files for _ in range(file.read_text().count(mutation.text))]
    if len(found) != 1:
        raise ValueError(f"{mutation.name}: the text occurs {len(found)} times and not once: {mutation.text!r}")
    return found[0]


def copy_sources(copy: Path) -> Path:
    """Copy the sources and the tests to the folder `copy`, and check that Python imports that copy."""
    shutil.rmtree(copy, ignore_errors=True)
    for name in _COPIED:
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in _FILES:
        shutil.copy2(ROOT / name, copy)
    (copy / ".venv").symlink_to(ROOT / ".venv")  # some tests look for Node there
    command = [sys.executable, "-c", _WHERE]
    imported = subprocess.run(command, cwd=copy, env=_environment(copy), check=True, capture_output=True, text=True)
    for place in imported.stdout.splitlines():
        if not Path(place).is_relative_to(copy):
            raise RuntimeError(f"Python imports {place}, which is not the copy in {copy}")
    return copy


def run_tests(
    copy: Path, tests: Sequence[str], limit_s: float = _LIMIT_S, **environment: str
) -> tuple[int | None, str]:
    """Run tests in the copy until one fails. Return pytest's exit status (None: out of time) and its output."""
    options = ("-x", "-q", "-p", "no:cacheprovider", "--tb=no", "-rfE", "--show-capture=no")
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", *options, *tests],
        cwd=copy,
        env=_environment(copy) | environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=limit_s)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return None, f"no end after {limit_s:.0f} s"
    return process.returncode, output


def check_mutation(mutation: Mutation, copy: Path) -> Outcome:
    """Return whether the tests of a mutation notice it. The copy is afterwards as it was."""
    file, began = copy / find_file(mutation), time.monotonic()
    before = file.read_text()
    after = before.replace(mutation.text, mutation.replacement)
    try:
        compile(after, str(file), "exec")
    except SyntaxError as error:
        return Outcome("broken", str(error), 0.0)
    file.write_text(after)
    try:
        # Bytecode of the changed file must not be there for the next mutation.
        status, output = run_tests(copy, mutation.tests, PYTHONDONTWRITEBYTECODE="1")
    finally:
        file.write_text(before)
    return Outcome(*_verdict(status, output), time.monotonic() - began)


def _verdict(status: int | None, output: str) -> tuple[str, str]:
    last = output.strip().rpartition("\n")[2]
    if status is None:
        return "timed out", last
    failed = _FAILED.search(output)
    if status == 1 and failed and failed[2] not in _BROKEN:
        return "killed", failed[1]
    return ("survived" if status == 0 else "broken"), last


def _environment(copy: Path) -> dict[str, str]:
    """Return an environment in which the copy is imported, and not the installed package."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV_"))}
    return {**kept, "PYTHONPATH": str(copy), "COLUMNS": "500"}
