"""Fixtures for the local S3 Batch Operations: a bucket, a role, and a function whose response depends on the key."""

import pytest

from tests.local.conftest import Emulator
from tests.local.local_jobs.batch import Batch

FUNCTION = """
import hashlib, json, os, tempfile, time, urllib.parse

def answer(event, results, **more):
    return {"invocationSchemaVersion": event["invocationSchemaVersion"], "invocationId": event["invocationId"],
            "treatMissingKeysAs": "PermanentFailure", "results": results} | more

def handler(event, context):
    task = event["tasks"][0]
    key = urllib.parse.unquote_plus(task["s3Key"])
    def result(code, text):
        return answer(event, [{"taskId": task["taskId"], "resultCode": code, "resultString": text}])
    word = key.split("/")[0]
    if word == "raise":
        raise ValueError("no such luck")
    if word == "exit":
        os._exit(7)
    if word == "system-exit":
        raise SystemExit(7)
    if word == "leak":
        held = []
        while True:
            held.append(bytearray(16 << 20))
    if word == "large":
        return result("Succeeded", "x" * (int(key.split("/")[1]) << 20))
    if word == "twice":
        return answer(event, [{"taskId": task["taskId"], "resultCode": "Succeeded", "resultString": ""}] * 2)
    if word == "slow":
        time.sleep(float(key.split("/")[1]))
    if word == "temporary":
        return result("TemporaryFailure", "come back")
    if word == "flaky":
        name = hashlib.sha256((event["job"]["id"] + key).encode()).hexdigest()
        path = os.path.join(tempfile.gettempdir(), name)
        seen = os.path.exists(path)
        open(path, "w").close()
        return result("Succeeded", "second time") if seen else result("TemporaryFailure", "first time")
    if word == "permanent":
        return result("PermanentFailure", 'it said "no", twice')
    if word == "text":
        return "hello"
    if word == "foreign":
        return answer(event, [], invocationId="another")
    if word == "unknown":
        return result("Maybe", "")
    if word == "missing":
        return answer(event, [])
    if word == "unsaid":
        return {k: v for k, v in answer(event, []).items() if k != "treatMissingKeysAs"}
    if word == "event":
        return result("Succeeded", json.dumps(event))
    return result("Succeeded", key)
"""


@pytest.fixture(scope="session")
def batch(emulator: Emulator) -> Batch:
    made = Batch(emulator)
    made.set_up(FUNCTION)
    return made
