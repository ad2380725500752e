"""The server process: start it, find it, stop it."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from local.home import REPOSITORY, Home, LocalError

_START_SECONDS = 60
_END_SECONDS = 15


def start(home: Home, port: int) -> bool:
    """Start the server of `home` unless it runs, and return whether it was started.

    Raises:
        LocalError: Another program listens on `port`, or the server ends or does not respond within a minute. No
            process is left.
    """
    if home.running():
        return False
    refuse_taken(port, "end what listens there or choose another with --port or BRIGADE_LOCAL_PORT")
    home.make()
    shutil.rmtree(home.temporary)
    home.temporary.mkdir()
    with home.log.open("ab") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "local", "serve", "--port", str(port)],
            cwd=REPOSITORY,
            env={**home.environment, "GATEWAY_PORT": str(port)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _await_answer(server, port, home.log)
    except BaseException:
        _end(server.pid)
        raise
    return True


def stop(home: Home) -> bool:
    """Stop the server of `home` and its processes. It writes its state, and is killed after 15 seconds.

    Answers False when none ran.
    """
    running = home.running()
    if not running:
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(running["pid"], signal.SIGTERM)
    deadline = time.monotonic() + _END_SECONDS
    while home.running() and time.monotonic() < deadline:
        time.sleep(0.05)
    _end(running["pid"])
    return True


def _end(pid: int) -> None:
    """Kill the process and the function processes of its session."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def refuse_taken(port: int, remedy: str) -> None:
    """Raise LocalError, with advice, if a server cannot listen on 127.0.0.1:`port` now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise LocalError(f"port {port} of 127.0.0.1 cannot be had ({error.strerror}); {remedy}") from None


def _await_answer(server: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise LocalError(f"the local AWS ended at its start (exit status {server.returncode}); its log is {log}")
        with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/_ministack/ready"):
            return
        time.sleep(0.05)
    raise LocalError(f"the local AWS did not answer within {_START_SECONDS} s; its log is {log}")
