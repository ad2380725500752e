"""Run `brigade` in a process that is forked from one with everything imported.

The code, the environment, the descriptors and the exit status are those of the installed command. Only the imports and
AWS's service models, most of the time of a small command, are loaded once per test worker. Tests whose subject is the
process itself (memory, signals, imports, start-up) start the installed command.
"""

import atexit
import contextlib
import functools
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

_REQUEST_BYTES = 1 << 20
_LIBRARIES = (
    *("PIL.Image", "awscrt.checksums", "botocore.signers", "jsonschema_rs", "psycopg", "pyarrow.compute"),
    *("pyarrow.csv", "pyarrow.json", "pyarrow.orc", "pyarrow.parquet", "s3transfer", "sqlglot"),
)
_SERVICES = [
    "athena",
    "cloudformation",
    "glue",
    "lambda",
    "s3",
    "s3control",
    "secretsmanager",
    "sqs",
    "stepfunctions",
    "sts",
]
_ONE_THREAD = {"JE_ARROW_MALLOC_CONF": "background_thread:false", "OPENBLAS_NUM_THREADS": "1"}


def run(
    arguments: Sequence[str],
    *,
    environment: Mapping[str, str],
    folder: Path | None = None,
    stdin: str | int | None = None,
    timeout_s: float = 300,
) -> "subprocess.CompletedProcess[str]":
    """Run `brigade` as `run_bytes` does, and decode what it printed."""
    done = run_bytes(arguments, environment=environment, folder=folder, stdin=stdin, timeout_s=timeout_s)
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


def run_bytes(
    arguments: Sequence[str],
    *,
    environment: Mapping[str, str],
    folder: Path | None = None,
    stdin: str | int | None = None,
    timeout_s: float = 300,
) -> "subprocess.CompletedProcess[bytes]":
    """Run `brigade` with `arguments` and wait for its end.

    Args:
        stdin: The text on its stdin, or a descriptor. None: /dev/null.

    Raises:
        TimeoutExpired: It ran longer than `timeout_s`. It was killed.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, tempfile.TemporaryFile() as given:
        if isinstance(stdin, str):
            given.write(stdin.encode())
            given.seek(0)
        descriptor = stdin if isinstance(stdin, int) else given.fileno()
        ended, end = os.pipe()
        request = {"arguments": list(arguments), "environment": dict(environment), "folder": str(folder or Path.cwd())}
        try:
            message, descriptors = json.dumps(request).encode(), [descriptor, out.fileno(), err.fileno(), end]
            socket.send_fds(_server(), [message], descriptors)
        finally:
            os.close(end)
        status = _wait(ended, list(arguments), timeout_s)
        printed = []
        for file in (out, err):
            file.seek(0)
            printed.append(file.read())
    return subprocess.CompletedProcess(["brigade", *arguments], status, *printed)


def _wait(ended: int, arguments: list[str], timeout_s: float) -> int:
    """Return the exit status as `subprocess` does: negative for the number of a signal."""
    with os.fdopen(ended) as lines:
        process = int(lines.readline())
        if not select.select([lines], [], [], timeout_s)[0]:
            os.kill(process, signal.SIGKILL)
            raise subprocess.TimeoutExpired(arguments, timeout_s)
        return int(lines.readline())


@functools.cache
def _server() -> socket.socket:
    """Start the process that forks. It ends when its socket closes, with this process at the latest."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * _REQUEST_BYTES)
    script = f"from tests.command import fork_on_request; fork_on_request({theirs.fileno()})"
    root = Path(__file__).parents[1]
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        env={**os.environ, **_ONE_THREAD},
        pass_fds=[theirs.fileno()],
        cwd=root,
        stdin=subprocess.DEVNULL,
    )
    theirs.close()
    atexit.register(process.wait)
    atexit.register(ours.close)  # first: the last one registered runs first
    return ours


def _serve(server: socket.socket) -> bool:
    """Fork for each request. Return True in a process that shall become the command, False at the end."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # no zombies
    while True:
        message, descriptors, _, _ = socket.recv_fds(server, _REQUEST_BYTES, 4)
        if not message:
            return False
        if os.fork() == 0:
            server.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            *streams, end = descriptors
            process = os.fork()
            if process == 0:
                os.close(end)
                _become(json.loads(message), streams)
                return True
            os.write(end, f"{process}\n".encode())
            status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
            os.write(end, f"{status}\n".encode())
            os._exit(0)
        for descriptor in descriptors:
            os.close(descriptor)


def _become(request: dict[str, object], streams: Sequence[int]) -> None:
    """Replace this process's arguments, environment, folder and standard streams with the command's."""
    for number, descriptor in enumerate(streams):
        os.dup2(descriptor, number)
        os.close(descriptor)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 - open until the process ends
    sys.stdout = open(1, "w", closefd=False, buffering=1 if os.isatty(1) else -1)  # noqa: SIM115 - as above
    sys.stderr = open(2, "w", closefd=False, buffering=1, errors="backslashreplace")  # noqa: SIM115 - as above
    os.environ.clear()
    os.environ.update(request["environment"])  # type: ignore[call-overload]  # a dict of texts: made in `run`
    os.chdir(str(request["folder"]))
    sys.path[:0] = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    sys.argv = ["brigade", *request["arguments"]]  # type: ignore[misc]  # a list of texts: made in `run`


def _preload() -> None:
    """Import the command and the libraries that it imports at their first use, and parse AWS's service models.

    No thread may start, because a fork would lose it. lambdas/ is not imported: some tests have one of their own.
    """
    import importlib
    import pkgutil

    import boto3
    from botocore.loaders import JSONFileLoader

    import brigade

    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    sys.modules["duckdb"] = None  # type: ignore[assignment]  # DuckDB must come after gc.freeze(), or it reports leaks
    for module in pkgutil.walk_packages(brigade.__path__, "brigade."):
        with contextlib.suppress(ModuleNotFoundError):
            importlib.import_module(module.name)
    del sys.modules["duckdb"]
    for name in _LIBRARIES:
        importlib.import_module(name)
    parse = functools.cache(functools.partial(JSONFileLoader.load_file, JSONFileLoader()))
    JSONFileLoader.load_file = lambda _, path: parse(path)
    for service in _SERVICES:
        boto3.Session().client(service, region_name="us-east-1").close()


def fork_on_request(descriptor: int) -> None:
    """Serve the socket `descriptor`, and be the command in each process that is forked."""
    from brigade.cli.main import main

    _preload()
    threads = len([*Path("/proc/self/task").iterdir()])
    if threads > 1:
        sys.exit(f"the imports of brigade start {threads - 1} threads, which a forked process would not have")
    if _serve(socket.socket(fileno=descriptor)):
        main()
