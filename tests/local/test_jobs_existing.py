"""Jobs over a bucket that exists beside the lake: what the settings grant an operation there it may do, and no more."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from lambdas.batch_operations.operations.forget import OPERATION as FORGET
from lambdas.batch_operations.operations.verify import OPERATION as VERIFY
from tests import command
from tests.local.conftest import Emulator
from tests.local.inventories import Inventory, existing
from tests.local.old_stage import STAGE, Stage

KEYS = ["old/a b+c.txt", "old/日本.txt"]
ELSEWHERE = "elsewhere/one.txt"


class Old:
    """The deployed stage and its bucket, used by the command as the operator."""

    def __init__(self, stage: Stage, bucket: Inventory) -> None:
        self.bucket = bucket
        self._environment = {**os.environ, **stage.emulator.environment()}

    def run(self, *arguments: str, given: str = "") -> "subprocess.CompletedProcess[str]":
        words = ["--json", "--stage", STAGE, "jobs", *arguments]
        return command.run(words, environment=self._environment, stdin=given)

    def as_owner(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        owner = {**os.environ, **self.bucket.emulator.environment("root")}
        return command.run(["--stage", STAGE, *arguments], environment=owner)

    def job(self, *arguments: str, given: str = "") -> str:
        """Run a job to its end and give its id."""
        done = self.run(*arguments, "--yes", "--watch", given=given)
        assert done.stdout, done.stderr
        return str(json.loads(done.stdout.splitlines()[0])["id"])

    def failed(self, job: str) -> list[str]:
        """The keys of a job's failed tasks."""
        lines = self.run("report", job, "--failed", "--format", "jsonl").stdout.splitlines()
        return sorted(json.loads(line)["key"] for line in lines)

    def keys(self) -> list[str]:
        return sorted(item["Key"] for item in self.bucket.s3.list_objects_v2(Bucket=self.bucket.source)["Contents"])


@pytest.fixture(scope="module")
def old(emulator: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Old]:
    bucket = existing(emulator)
    for key in bucket.s3.list_objects_v2(Bucket=bucket.source)["Contents"]:
        bucket.s3.delete_object(Bucket=bucket.source, Key=key["Key"])
    kept = emulator.root("kms").create_key()["KeyMetadata"]["Arn"]
    default = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": kept}}
    rules = {"Rules": [default]}
    bucket.s3.put_bucket_encryption(Bucket=bucket.source, ServerSideEncryptionConfiguration=rules)
    for key in (*KEYS, ELSEWHERE):
        bucket.s3.put_object(Bucket=bucket.source, Key=key, Body=b"x")
    stage = Stage(emulator, tmp_path_factory.mktemp("old"))
    granted = {"verify": ["old/*"], "forget": ["old/a*"]}
    operations = {"verify": VERIFY, "forget": FORGET}
    assembly = stage.assembly("jobs", "CSV", {"name": bucket.source, "operations": granted, "key": kept}, operations)
    stage.cdk("bootstrap", "aws://000000000000/us-east-1", "--app", assembly)
    stacks = [f"brigade-{STAGE}-{noun}" for noun in ("existing", "catalog", "batch-operations", "operator")]
    stage.cdk("deploy", *stacks, "--require-approval", "never", "--app", assembly)
    bucket.deliver()
    with _operator(emulator, stage.outputs("operator")["OperatorPolicyArn"]):
        yield Old(stage, bucket)


@contextmanager
def _operator(emulator: Emulator, policy: str) -> Iterator[None]:
    iam = emulator.root("iam")
    iam.attach_user_policy(UserName="operator", PolicyArn=policy)
    try:
        yield
    finally:
        iam.detach_user_policy(UserName="operator", PolicyArn=policy)


@pytest.mark.parametrize(
    "selecting",
    [
        ["--inventory", "latest"],
        ["--where", "size = 1"],
        ["--where", "size = 1", "--engine", "athena"],
        ["--keys", "-"],
    ],
    ids=" ".join,
)
def test_an_operation_reaches_the_keys_that_are_granted_it_and_no_others(old: Old, selecting: list[str]) -> None:
    given = "\n".join([*KEYS, ELSEWHERE])
    job = old.job("submit", "verify", *selecting, "--bucket", old.bucket.source, given=given)
    assert old.failed(job) == [ELSEWHERE]
    again = old.job("retry", job, "--all")
    assert old.failed(again) == [ELSEWHERE], "the retry is over the bucket of the job"


def test_one_that_deletes_deletes_what_it_is_granted(old: Old) -> None:
    over = ["--keys", "-", "--bucket", old.bucket.source, "--argument", "mode=delete"]
    job = old.job("submit", "forget", *over, given="\n".join(KEYS))
    assert old.failed(job) == [KEYS[1]]
    assert old.keys() == [ELSEWHERE, KEYS[1]]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["verify", "--inventory", "latest"], "no delivery yet"),
        (["verify", "--where", "true", "--manifest", "s3://b/k"], "in one way"),
        (["s3:tag", "--keys", "-", "--argument", "tags=a=b"], "only on the lake"),
    ],
)
def test_what_cannot_be_done_there_is_said(old: Old, arguments: list[str], said: str) -> None:
    there: list[Any] = [] if said == "no delivery yet" else ["--bucket", old.bucket.source]
    refused = old.run("submit", *arguments, *there, "--yes")
    assert refused.returncode in (1, 2)
    assert said in refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1


def test_s3_itself_lists_it(old: Old) -> None:
    job = old.job("submit", "verify", "--prefix", "old/", "--bucket", old.bucket.source)
    assert old.failed(job) == []


def test_without_naming_it_its_objects_are_refused(old: Old) -> None:
    refused = old.run("submit", "verify", "--keys", "-", "--yes", given=f"{old.bucket.source}\t{KEYS[0]}\n")
    assert refused.returncode == 2
    assert f"object 1 is in bucket '{old.bucket.source}'" in refused.stderr
    assert "set --bucket" in refused.stderr


def test_what_the_stacks_made_the_command_neither_puts_nor_takes_away(old: Old) -> None:
    for verb, said in (("enable", "it is among the settings' buckets"), ("disable", "put nothing for")):
        refused = old.as_owner("inventory", verb, old.bucket.source, "--yes")
        assert refused.returncode in (1, 2)
        assert said in refused.stderr
    assert old.bucket.configurations().keys() == {"theirs", "lake"}


def test_an_estimate_counts_it(old: Old) -> None:
    shown = old.run("estimate", "verify", "--where", "key LIKE 'old/%'", "--bucket", old.bucket.source)
    assert json.loads(shown.stdout)["objects"] == len(KEYS)
