"""What a Lambda function is made of: its handler, what that imports of ours, and its locked dependencies."""

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
from stacks.parts.bytecode import compile_all, interpreter
from stacks.parts.imports import closure

_OURS = ("brigade", "lambdas")
# AWS's runtime is Amazon Linux 2023 on arm64 with glibc 2.34; wheels name the oldest glibc that they run on.
_AWS_WHEELS = ("--platform", "manylinux2014_aarch64", "--platform", "manylinux_2_28_aarch64")
_AWS_PYTHON = ("--python-version", "3.13", "--implementation", "cp", "--only-binary", ":all:")


@dataclass(frozen=True)
class Package:
    """One function's package: ``handler``, a dotted name, and ``declaration``, the module that it is told to load.

    The dependencies are those locked in ``requirements.txt`` beside the handler, in ``<name>.requirements.txt`` beside
    the declaration if there is one, and in ``<module>.requirements.txt`` beside the handler for a module of ours that
    is in the package: what only some declarations import makes no other package larger. Bytecode is with all of it
    where a Python of the function's version is here.
    """

    root: Path
    """The repository; what is installed is kept in its ``.brigade/packages``."""
    target: Target
    """``aws`` takes wheels for Python 3.13 on arm64, ``local`` those for the interpreter that runs this."""
    handler: str
    declaration: str

    @classmethod
    def of_source(cls, root: Path, target: Target, name: str) -> "Package":
        """The package of the source ``name``."""
        return cls(root, target, "lambdas.ingest.handler.handler", f"lambdas.ingest.sources.{name}")

    @classmethod
    def of_operation(cls, root: Path, target: Target, name: str) -> "Package":
        """The package of the operation ``name``."""
        family = "lambdas.batch_operations"
        return cls(root, target, f"{family}.handler.handler", f"{family}.operations.{name}")

    @classmethod
    def of_inventory(cls, root: Path, target: Target, name: str) -> "Package":
        """The package of ``lambdas/inventory/<name>.py``, which declares nothing beside its handler."""
        return cls(root, target, f"lambdas.inventory.{name}.handler", f"lambdas.inventory.{name}")

    @classmethod
    def of_rotation(cls, root: Path, target: Target) -> "Package":
        """The package of ``lambdas/database/rotate.py``."""
        return cls(root, target, "lambdas.database.rotate.handler", "lambdas.database.rotate")

    @classmethod
    def of_jobs(cls, root: Path, target: Target, name: str) -> "Package":
        """The package of ``lambdas/jobs/<name>.py``, with what it imports of the declarations."""
        return cls(root, target, f"lambdas.jobs.{name}.handler", f"lambdas.jobs.{name}")

    @property
    def machine(self) -> str:
        """The processor that its wheels are for: ``arm64`` or ``x86_64``."""
        return "arm64" if self.target == "aws" or platform.machine() in ("aarch64", "arm64") else "x86_64"

    @contextmanager
    def assembled(self) -> Iterator[Path]:
        """Give a folder with the whole content, which is gone afterwards."""
        with tempfile.TemporaryDirectory(prefix="package-") as temporary:
            folder = Path(temporary) / "package"
            ours = Path(temporary) / "ours"
            for file in self.files():
                (ours / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(self.root / file, ours / file)
            self._compile(ours)
            shutil.copytree(self.dependencies(), folder)
            shutil.copytree(ours, folder, dirs_exist_ok=True)
            yield folder

    def content_hash(self) -> str:
        """A hash of all that is in the package: our files by content, the rest by the locks that fix it."""
        digest = hashlib.sha256(self._dependencies_key().encode())
        for file in self.files():
            digest.update(f"\0{file.as_posix()}\0".encode())
            digest.update(hashlib.sha256((self.root / file).read_bytes()).digest())
        return digest.hexdigest()

    def files(self) -> Sequence[Path]:
        """Our own files in it, relative to the root: the handler, the declaration, what they import, and its data.

        Data is ``price.json`` beside ``price.py``, and certificates in a folder of a package.
        """
        code = closure(self.root, [self.handler.rpartition(".")[0], self.declaration], packages=_OURS)
        beside = [file for file in (module.with_suffix(".json") for module in code) if (self.root / file).is_file()]
        packages = {file.parent for file in code if file.name == "__init__.py"}
        data = [file.relative_to(self.root) for folder in packages for file in (self.root / folder).glob("*/*.pem")]
        return sorted([*code, *beside, *data])

    def locks(self) -> Sequence[Path]:
        """The lock files that name its dependencies."""
        family = self.root.joinpath(*self.handler.split(".")[:-2])
        declaration = self.root.joinpath(*self.declaration.split("."))
        some = [declaration.with_name(f"{declaration.name}.requirements.txt")]
        some += [family / f"{file.stem}.requirements.txt" for file in self.files()]
        return [family / "requirements.txt", *filter(Path.is_file, some)]

    def dependencies(self) -> Path:
        """The folder with the dependencies installed: kept, so that this is done once for a lock, target and Python."""
        folder = self.root / ".brigade" / "packages" / self._dependencies_key()
        if not folder.is_dir():
            folder.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
                fresh = Path(temporary) / "installed"
                self._install(fresh)
                try:
                    fresh.rename(folder)
                except OSError:
                    if not folder.is_dir():  # else another deploy has installed the same meanwhile
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
        folder.mkdir(exist_ok=True)  # pip makes none for a lock that names nothing
        shutil.rmtree(folder / "bin", ignore_errors=True)
        self._compile(folder)

    def _compile(self, folder: Path) -> None:
        if python := interpreter(self._python):
            compile_all(folder, python)

    @property
    def _python(self) -> str:
        return "3.13" if self.target == "aws" else f"{sys.version_info[0]}.{sys.version_info[1]}"

    def _dependencies_key(self) -> str:
        digest = hashlib.sha256()
        for lock in self.locks():
            digest.update(lock.read_bytes())
        compiled = "compiled" if interpreter(self._python) else "source"
        return f"{self.target}-{self.machine}-{self._python}-{compiled}-{digest.hexdigest()[:16]}"
