"""Lambda functions on the local AWS run isolated and limited, and fail with their exception's name."""

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest

from tests.local.conftest import Emulator

SOURCE = """
import os, sys

def handler(event, context):
    return globals()[event["do"]](event)

def environment(event):
    return dict(os.environ)

def missing(event):
    import importlib.util
    return [name for name in event["names"] if importlib.util.find_spec(name) is None]

def allocate(event):
    return len(bytearray(event["mib"] << 20))

def threads(event):
    from concurrent.futures import ThreadPoolExecutor
    with ThreadPoolExecutor(32) as pool:
        return sum(pool.map(lambda n: n, range(200)))

class ConditionLost(Exception):
    pass

def fail(event):
    raise ConditionLost("changed by another writer:\\nline two")

def leave(event):
    os._exit(3)
"""

Invoke = Callable[..., tuple[Any, str | None]]


def package(source: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("index.py", source)
    return packed.getvalue()


def trusting(service: str) -> str:
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.fixture(scope="module")
def role(emulator: Emulator) -> str:
    iam = emulator.root("iam")
    made = iam.create_role(RoleName=f"f-{uuid4().hex[:8]}", AssumeRolePolicyDocument=trusting("lambda.amazonaws.com"))
    return str(made["Role"]["Arn"])


@pytest.fixture(scope="module")
def invoke(emulator: Emulator, role: str) -> Iterator[Invoke]:
    client = emulator.root("lambda")
    name = f"f-{uuid4().hex[:8]}"
    client.create_function(
        FunctionName=name,
        Runtime="python3.13",
        Handler="index.handler",
        Role=role,
        Code={"ZipFile": package(SOURCE)},
        MemorySize=128,
        Timeout=20,
        Environment={"Variables": {"MINE": "yes"}},
    )

    def run(**event: Any) -> tuple[Any, str | None]:
        answer = client.invoke(FunctionName=name, Payload=json.dumps(event))
        return json.loads(answer["Payload"].read()), answer.get("FunctionError")

    yield run
    client.delete_function(FunctionName=name)


def test_a_function_sees_its_own_environment_only(invoke: Invoke) -> None:
    seen, _ = invoke(do="environment")
    assert seen["MINE"] == "yes"
    assert seen["AWS_REGION"] == "us-east-1"
    assert seen["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "128"
    foreign = {"BRIGADE_LOCAL_HOME", "STATE_DIR", "S3_DATA_DIR", "AUTH", "PERSIST_STATE", "GATEWAY_PORT", "VIRTUAL_ENV"}
    assert foreign.isdisjoint(seen)


def test_a_function_sees_the_packages_of_the_runtime_only(invoke: Invoke) -> None:
    names = ["boto3", "ministack", "duckdb", "pyarrow", "hypercorn", "local"]
    assert invoke(do="missing", names=names)[0] == names[1:]


def test_memory_is_limited(invoke: Invoke) -> None:
    assert invoke(do="allocate", mib=64) == (64 << 20, None)
    failed, kind = invoke(do="allocate", mib=200)
    assert kind == "Unhandled"
    assert failed["errorType"] == "MemoryError"


def test_threads_do_not_use_up_the_memory(invoke: Invoke) -> None:
    assert invoke(do="threads") == (19900, None)


def test_a_failure_has_the_name_of_its_exception(invoke: Invoke) -> None:
    failed, kind = invoke(do="fail")
    assert kind == "Unhandled"
    assert failed["errorType"] == "ConditionLost"
    assert failed["errorMessage"] == "changed by another writer:\nline two"
    assert any("in fail" in line for line in failed["stackTrace"])


def test_a_process_that_ends_is_an_exit_error(invoke: Invoke) -> None:
    assert invoke(do="leave")[0]["errorType"] == "Runtime.ExitError"


def test_a_module_that_does_not_import_is_an_import_error(emulator: Emulator, role: str) -> None:
    client = emulator.root("lambda")
    name = f"f-{uuid4().hex[:8]}"
    client.create_function(
        FunctionName=name,
        Runtime="python3.13",
        Handler="index.handler",
        Role=role,
        Code={"ZipFile": package("import duckdb")},
        Timeout=20,
    )
    failed = json.loads(client.invoke(FunctionName=name)["Payload"].read())
    assert failed["errorType"] == "Runtime.ImportModuleError"
    assert "duckdb" in failed["errorMessage"]
    client.delete_function(FunctionName=name)
