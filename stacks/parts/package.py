"""The deployment package of a Lambda function: its handler, the modules that it imports, and locked dependencies."""

import hashlib
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from brigade.errors import BrigadeError
from brigade.settings import Target
from stacks.parts.bytecode import compile_all, find_python
from stacks.parts.imports import find_imported_files

_OWN_PACKAGES = ("brigade", "lambdas")
# Lambda runs Amazon Linux 2023 with glibc 2.34. The tag of a wheel names the oldest glibc that it supports.
_AWS_WHEELS = ("--platform", "manylinux2014_aarch64", "--platform", "manylinux_2_28_aarch64")
_AWS_PYTHON = ("--python-version", "3.13", "--implementation", "cp", "--only-binary", ":all:")


@dataclass(frozen=True)
class Package:
    """The deployment package of one function.

    It contains the dependencies that these lock files name: `requirements.txt` beside the handler,
    `<name>.requirements.txt` beside the declaration, and `<module>.requirements.txt` beside the handler for each
    module in the package. So a dependency of one declaration does not enlarge the packages of the others.

    It contains bytecode if this machine has a Python of the function's version.

    Attributes:
        root: The root folder of the repository. Installed dependencies are cached in its `.brigade/packages`.
        target: `aws` installs wheels for Python 3.13 on arm64, `local` those for the running interpreter.
        handler: Dotted name of the handler function.
        declaration: Dotted name of the module that the handler loads.
    """

    root: Path
    target: Target
    handler: str
    declaration: str

    @classmethod
    def of_source(cls, root: Path, target: Target, name: str) -> "Package":
        """Return the package of the source `name`."""
        return cls(root, target, "lambdas.ingest.handler.handler", f"lambdas.ingest.sources.{name}")

    @classmethod
    def of_operation(cls, root: Path, target: Target, name: str) -> "Package":
        """Return the package of the operation `name`."""
        family = "lambdas.batch_operations"
        return cls(root, target, f"{family}.handler.handler", f"{family}.operations.{name}")

    @classmethod
    def of_inventory(cls, root: Path, target: Target, name: str) -> "Package":
        """Return the package of `lambdas/inventory/<name>.py`."""
        return cls(root, target, f"lambdas.inventory.{name}.handler", f"lambdas.inventory.{name}")

    @classmethod
    def of_rotation(cls, root: Path, target: Target) -> "Package":
        """Return the package of `lambdas/database/rotate.py`."""
        return cls(root, target, "lambdas.database.rotate.handler", "lambdas.database.rotate")

    @classmethod
    def of_jobs(cls, root: Path, target: Target, name: str) -> "Package":
        """Return the package of `lambdas/jobs/<name>.py`."""
        return cls(root, target, f"lambdas.jobs.{name}.handler", f"lambdas.jobs.{name}")

    @property
    def machine(self) -> str:
        """The processor of the function: `arm64` or `x86_64`."""
        return "arm64" if self.target == "aws" or platform.machine() in ("aarch64", "arm64") else "x86_64"

    @contextmanager
    def assembled(self) -> Iterator[Path]:
        """Yield a temporary folder with the content of the package. It is deleted when the context ends."""
        with tempfile.TemporaryDirectory(prefix="package-") as temporary:
            folder = Path(temporary) / "package"
            own = Path(temporary) / "own"
            for file in self.files():
                (own / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(self.root / file, own / file)
            self._compile(own)
            shutil.copytree(self.dependencies(), folder)
            shutil.copytree(own, folder, dirs_exist_ok=True)
            yield folder

    def content_hash(self) -> str:
        """Return a SHA-256 hash, in hex, of the content of our files and of the lock files."""
        digest = hashlib.sha256(self._dependencies_key().encode())
        for file in self.files():
            digest.update(f"\0{file.as_posix()}\0".encode())
            digest.update(hashlib.sha256((self.root / file).read_bytes()).digest())
        return digest.hexdigest()

    def files(self) -> Sequence[Path]:
        """Return our own files in the package: the handler, the declaration, the modules that they import, and data.

        Data files are `price.json` beside `price.py`, and certificates in a subfolder of a package.

        Returns:
            Sorted paths relative to the root.
        """
        modules = [self.handler.rpartition(".")[0], self.declaration]
        code = find_imported_files(self.root, modules, packages=_OWN_PACKAGES)
        data = [file for file in (module.with_suffix(".json") for module in code) if (self.root / file).is_file()]
        packages = {file.parent for file in code if file.name == "__init__.py"}
        certificates = [
            file.relative_to(self.root) for folder in packages for file in (self.root / folder).glob("*/*.pem")
        ]
        return sorted([*code, *data, *certificates])

    def locks(self) -> Sequence[Path]:
        """Return the paths of the lock files that name the dependencies."""
        family = self.root.joinpath(*self.handler.split(".")[:-2])
        declaration = self.root.joinpath(*self.declaration.split("."))
        optional = [declaration.with_name(f"{declaration.name}.requirements.txt")]
        optional += [family / f"{file.stem}.requirements.txt" for file in self.files()]
        return [family / "requirements.txt", *filter(Path.is_file, optional)]

    def dependencies(self) -> Path:
        """Return the folder with the installed dependencies. pip runs once for the same locks, target and Python.

        Raises:
            BrigadeError: pip failed. Nothing is cached.
        """
        folder = self.root / ".brigade" / "packages" / self._dependencies_key()
        if not folder.is_dir():
            folder.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
                fresh = Path(temporary) / "installed"
                self._install(fresh)
                try:
                    fresh.rename(folder)
                except OSError:
                    if not folder.is_dir():  # otherwise another process installed the same dependencies first
                        raise
        return folder

    def _install(self, folder: Path) -> None:
        locks = [argument for lock in self.locks() for argument in ("-r", str(lock))]
        wheels = (*_AWS_WHEELS, *_AWS_PYTHON) if self.target == "aws" else ("--only-binary", ":all:")
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--quiet", "--disable-pip-version-check"]
        done = subprocess.run(
            [*pip, "--no-deps", "--require-hashes", "--no-compile", *wheels, "--target", str(folder), *locks],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR:")] or done.stderr.splitlines()
            raise BrigadeError(
                f"pip could not install {', '.join(str(lock.relative_to(self.root)) for lock in self.locks())} "
                f"for {self.target}: {lines[0].removeprefix('ERROR: ') if lines else f'exit {done.returncode}'}"
            )
        folder.mkdir(exist_ok=True)  # pip creates no folder for an empty lock
        shutil.rmtree(folder / "bin", ignore_errors=True)
        self._compile(folder)

    def _compile(self, folder: Path) -> None:
        if python := find_python(self._python):
            compile_all(folder, python)

    @property
    def _python(self) -> str:
        return "3.13" if self.target == "aws" else f"{sys.version_info[0]}.{sys.version_info[1]}"

    def _dependencies_key(self) -> str:
        digest = hashlib.sha256()
        for lock in self.locks():
            digest.update(lock.read_bytes())
        compiled = "compiled" if find_python(self._python) else "source"
        return f"{self.target}-{self.machine}-{self._python}-{compiled}-{digest.hexdigest()[:16]}"
