"""A package holds what its function imports, is named by its content, and installs its dependencies once."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from brigade.errors import BrigadeError, UsageError
from brigade.settings import Target
from stacks.parts.bytecode import find_python
from stacks.parts.package import Package
from stacks.sizes import main, packages
from tests.stacks.conftest import ROOT

pytestmark = pytest.mark.process

REAL = list(packages(ROOT, "local"))
TARGETS: tuple[Target, Target] = ("aws", "local")
TRADES = {
    "ingest": {"ingest"},
    "batch_operations": {"operations"},
    "inventory": {"inventory"},
    "jobs": {"jobs", "inventory", "operations"},
}
"""What of ours a function of each family may hold, beside the floors below."""
UNZIPPED_MIB = 250
"""AWS's limit of a package: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository whose one function depends on a wheel that is at hand: the tests ask no registry."""
    folder = tmp_path / "lambdas" / "ingest" / "sources"
    folder.mkdir(parents=True)
    for package in (folder.parents[1], folder.parent, folder):
        (package / "__init__.py").touch()
    (folder.parent / "handler.py").write_text("def handler(event, context): ...\n")
    (folder / "one.py").touch()
    (folder / "other.py").touch()
    (folder.parent / "requirements.txt").write_text("# what is locked\n")
    return tmp_path


@pytest.fixture
def installs(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The runs of pip, which are real."""
    runs: list[list[str]] = []
    run: Callable[..., subprocess.CompletedProcess[str]] = subprocess.run

    def counted(command: list[str], **rest: object) -> subprocess.CompletedProcess[str]:
        if "pip" in command:
            runs.append(command)
        return run(command, **rest)

    monkeypatch.setattr(subprocess, "run", counted)
    return runs


def contents(package: Package) -> set[str]:
    with package.assembled() as folder:
        return {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}


def test_a_changed_handler_installs_nothing_and_is_another_package(repository: Path, installs: list[list[str]]) -> None:
    package = Package.of_source(repository, "local", "one")
    before, _ = package.content_hash(), contents(package)
    assert len(installs) == 1
    (repository / "lambdas/ingest/handler.py").write_text("def handler(event, context): return 1\n")
    with package.assembled() as folder:
        assert "return 1" in (folder / "lambdas/ingest/handler.py").read_text()
    assert package.content_hash() != before
    assert len(installs) == 1


def test_a_changed_lock_is_installed(repository: Path, installs: list[list[str]]) -> None:
    package = Package.of_source(repository, "local", "one")
    contents(package)
    before = package.content_hash()
    (repository / "lambdas/ingest/requirements.txt").write_text("# what is locked now\n")
    contents(package)
    assert package.content_hash() != before
    assert len(installs) == 2


def test_the_hash_is_of_the_content_alone(repository: Path) -> None:
    package = Package.of_source(repository, "local", "one")
    before = package.content_hash()
    handler = repository / "lambdas/ingest/handler.py"
    subprocess.run([sys.executable, "-m", "compileall", "-q", str(repository)], check=True)
    handler.touch()
    (repository / "lambdas/ingest/sources/other.py").write_text("another source = no concern of this one")
    (repository / "README.md").touch()
    assert package.content_hash() == before
    assert not any("other" in name for name in contents(package))


def test_bytecode_is_the_same_wherever_it_is_made_and_is_used_as_it_is(repository: Path) -> None:
    package = Package.of_source(repository, "local", "one")
    compiled = f"lambdas/ingest/__pycache__/handler.{sys.implementation.cache_tag}.pyc"
    with package.assembled() as one, package.assembled() as other:
        assert (one / compiled).read_bytes() == (other / compiled).read_bytes()
        os.utime(one / "lambdas/ingest/handler.py", (0, 0))  # as a zip may have it
        said = subprocess.run(
            [sys.executable, "-v", "-c", "import lambdas.ingest.handler"],
            env={"PYTHONPATH": str(one)},
            cwd=one,
            capture_output=True,
            text=True,
            check=True,
        )
        assert f"code object from '{one / compiled}'" in said.stderr
        assert b"/var/task/lambdas/ingest/handler.py" in (one / compiled).read_bytes()


def test_without_a_python_of_the_functions_version_there_is_no_bytecode_and_another_package(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = Package.of_source(repository, "local", "one")
    with_it = package.content_hash()
    monkeypatch.setattr("stacks.parts.package.find_python", lambda _: None)
    assert package.content_hash() != with_it
    assert not any(name.endswith(".pyc") for name in contents(package))


def test_an_interpreter_that_only_complains_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = f"{sys.version_info[0]}.{sys.version_info[1]}"
    assert find_python(here) == sys.executable
    shim = tmp_path / "python3.99"
    monkeypatch.setenv("PATH", str(tmp_path))
    for code, found in ((0, str(shim)), (127, None)):
        shim.write_text(f"#!/bin/sh\nexit {code}\n")
        shim.chmod(0o755)
        find_python.cache_clear()
        assert find_python("3.99") == found
    find_python.cache_clear()


def test_targets_do_not_share_what_is_installed(repository: Path) -> None:
    aws, local = (Package.of_source(repository, target, "one") for target in TARGETS)
    assert aws.content_hash() != local.content_hash()


def test_a_declaration_may_need_more_than_its_family(repository: Path) -> None:
    own = repository / "lambdas/ingest/sources/one.requirements.txt"
    own.write_text("# more\n")
    family = repository / "lambdas/ingest/requirements.txt"
    assert Package.of_source(repository, "local", "one").locks() == [family, own]
    assert Package.of_source(repository, "local", "other").locks() == [family]


def test_what_only_some_import_is_in_their_packages_only(repository: Path) -> None:
    (repository / "brigade").mkdir()
    for module in ("__init__", "schema"):
        (repository / f"brigade/{module}.py").touch()
    (repository / "lambdas/ingest/sources/one.py").write_text("import brigade.schema\n")
    some = repository / "lambdas/ingest/schema.requirements.txt"
    some.write_text("# what it imports\n")
    family = repository / "lambdas/ingest/requirements.txt"
    assert Package.of_source(repository, "local", "one").locks() == [family, some]
    assert Package.of_source(repository, "local", "other").locks() == [family]


def test_what_pip_cannot_install_is_one_line_and_leaves_nothing(repository: Path) -> None:
    lock = "no-such-package-of-ours==1.0 --hash=sha256:" + "0" * 64 + "\n"
    (repository / "lambdas/ingest/requirements.txt").write_text(f"--no-index\n{lock}")
    with pytest.raises(BrigadeError) as caught:
        contents(Package.of_source(repository, "local", "one"))
    message = str(caught.value)
    assert message.startswith("pip could not install lambdas/ingest/requirements.txt for local: ")
    assert "no-such-package-of-ours" in message
    assert "\n" not in message
    assert list((repository / ".brigade/packages").iterdir()) == []


@pytest.mark.parametrize("package", REAL, ids=lambda package: package.declaration)
def test_a_real_package_holds_one_declaration_and_fits(package: Package) -> None:
    beside, _, name = package.declaration.rpartition(".")
    family = beside.split(".")[1]
    with package.assembled() as folder:
        declared = {file.stem for file in folder.joinpath(*beside.split(".")).glob("*.py")} - {
            "__init__",
            "environment",
        }
        assert declared == {name}
        families = {family} | ({"batch_operations"} if name == "recur" else set())  # the declarations of what recurs
        folders = {file.name for file in (folder / "lambdas").iterdir() if file.is_dir()}
        assert folders - {"__pycache__"} == families
        others = {"cli", "settings.py"}.union(*TRADES.values()) - TRADES.get(family, set())
        assert not others & {file.name for file in (folder / "brigade").iterdir()}
        columnar = {"pyarrow"} if name == "to_parquet" else set()
        assert {"boto3", "botocore", "duckdb", "pyarrow", "bin"} & {file.name for file in folder.iterdir()} == columnar
        size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    assert size < UNZIPPED_MIB * 2**20


@pytest.mark.parametrize("package", REAL, ids=lambda package: package.declaration)
def test_a_real_package_imports_with_what_awss_runtime_has(package: Package) -> None:
    """With the interpreter of local functions, which has boto3 and nothing else."""
    python = ROOT / ".brigade/lambda-runtime/bin/python"
    with package.assembled() as folder:
        modules = f"{package.handler.rpartition('.')[0]}, {package.declaration}"
        done = subprocess.run(
            [python, "-I", "-c", f"import sys; sys.path.insert(0, {str(folder)!r}); import {modules}"],
            env={"POWERTOOLS_TRACE_DISABLED": "true", "POWERTOOLS_SERVICE_NAME": "x"},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr


def test_the_sizes_are_one_line_a_package(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stacks.sizes.packages", lambda *_: REAL[:2])  # each is imported six times, in processes
    main(["local"])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert all(re.fullmatch(r" *[0-9.]+ MiB +[0-9]+ files +[0-9]+ ms  lambdas[.a-z_]+", line) for line in lines)


def test_sizes_of_nothing_are_refused() -> None:
    with pytest.raises(UsageError, match="nope: the target is one of aws, local"):
        main(["nope"])
