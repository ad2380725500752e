"""Lambda of ministack 1.5.33: environment and memory of a function, and the names of its errors."""

from typing import Any

from ministack.core import lambda_runtime
from ministack.services import lambda_svc

from local.home import REPOSITORY
from local.replacing import provisioned, replacing

_PYTHON = REPOSITORY / ".brigade" / "lambda-runtime" / "bin" / "python"

# Runs first in the function's process. The worker sends the function's environment later.
_ENCLOSE = """
import os, resource, threading
for name in list(os.environ):
    if name not in ("PATH", "HOME", "LANG", "TMPDIR") and not name.startswith(("AWS_", "LAMBDA_", "_LAMBDA_", "_X_")):
        del os.environ[name]
# The limit counts what is reserved, not what is used: stacks are kept small, and the interpreter gets 32 MiB on top.
threading.stack_size(1 << 20)
resource.setrlimit(resource.RLIMIT_DATA, ((int(os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]) + 32) << 20,) * 2)
"""


def apply() -> None:
    """Apply the patches of this module."""
    enclose_functions()
    name_failures()
    set_concurrency_and_dead_letters()


def enclose_functions() -> None:
    """Symptom: a function sees the emulator's packages and environment, and takes more memory than it has.

    Mends (1.5.33): Python functions, whatever their version, run in an environment that holds boto3 only, as on AWS,
    with their own variables; past MemorySize an allocation is a MemoryError (on AWS the function is killed).
    """
    edit_worker('"error": str(e), "trace"', '"error": str(e), "type": type(e).__name__, "trace"')

    @replacing(lambda_runtime, "_detect_runtime_binary")
    def runtime(original: Any, name: str) -> Any:
        worker = lambda_runtime._PYTHON_WORKER_SCRIPT
        return (str(_PYTHON), _ENCLOSE + worker) if name.startswith("python") else original(name)


def edit_worker(old: str, new: str) -> None:
    """Put ``new`` for ``old`` in the program that runs Python functions; RuntimeError when it is not there any more."""
    plain = lambda_runtime._PYTHON_WORKER_SCRIPT
    if old not in plain:
        raise RuntimeError("ministack's worker of Python functions is not as it was; see local/patches")
    lambda_runtime._PYTHON_WORKER_SCRIPT = plain.replace(old, new)


def name_failures() -> None:
    """Symptom: every failure has errorType ``Runtime.HandlerError``, so Retry and Catch by name never match.

    Mends (1.5.33): errorType is the exception's class, as the Python runtime of AWS says it, with ``stackTrace``; a
    process that ended is ``Runtime.ExitError`` and a module that does not import ``Runtime.ImportModuleError``.
    https://docs.aws.amazon.com/lambda/latest/dg/python-exceptions.html
    """

    @replacing(lambda_runtime.Worker, "invoke")
    def invoke(original: Any, worker: Any, *arguments: Any, **named: Any) -> Any:
        result = original(worker, *arguments, **named)
        if result.get("type"):
            result["error"] = _Failure(result["error"], result["type"], result.get("trace", ""))
        return result

    @replacing(lambda_svc, "_execute_function_warm")
    def execute(original: Any, *arguments: Any, **named: Any) -> Any:
        result = original(*arguments, **named)
        if result.get("error") and isinstance(result.get("body"), dict) and "errorMessage" in result["body"]:
            result["body"] |= _named(result["body"])
        return result


class _Failure(str):
    """The message of an exception, with its class and traceback."""

    def __new__(cls, message: str, kind: str, trace: str) -> "_Failure":
        failure = super().__new__(cls, message)
        failure.kind = kind
        failure.trace = trace
        return failure

    kind: str
    trace: str


def _named(body: dict[str, Any]) -> dict[str, Any]:
    message = body["errorMessage"]
    if isinstance(message, _Failure):
        return {"errorMessage": str(message), "errorType": message.kind, "stackTrace": message.trace.splitlines()}
    if message == "Worker process died":
        return {"errorType": "Runtime.ExitError"}
    if message.startswith("Worker init failed"):
        return {"errorType": "Runtime.ImportModuleError"}
    return {}


def set_concurrency_and_dead_letters() -> None:
    """Symptom: ReservedConcurrentExecutions and DeadLetterConfig of a template's function are dropped.

    Mends (1.5.33): the function is limited and its dead letters are sent.
    """

    @provisioned("AWS::Lambda::Function")
    def limit(name: str, properties: Any) -> None:
        function = lambda_svc._functions[name]
        reserved = properties.get("ReservedConcurrentExecutions")
        function["concurrency"] = None if reserved is None else int(reserved)
        function["config"].pop("DeadLetterConfig", None)
        if properties.get("DeadLetterConfig"):
            function["config"]["DeadLetterConfig"] = properties["DeadLetterConfig"]
