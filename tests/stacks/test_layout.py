"""The policies allow every key that the code makes, and the stacks spell no key by themselves."""

import fnmatch
import itertools
from collections.abc import Iterator

import pytest

from brigade.ingest.declare.source import Objects
from brigade.ingest.declare.target import Target, refresh_token_key
from tests.stacks.conftest import Stage
from tests.stacks.test_grants import grants
from tests.unit.ingest.api import source


def targets(name: str, prefixes: tuple[str, ...]) -> Iterator[Target]:
    for prefix, compression, partition in itertools.product(prefixes, ("gzip", "zstd"), (None, "1", "100")):
        declared = source(prefix=prefix, compression=compression, objects=Objects(date_field="day"))
        whole = Target.of(declared, name, "2026-11-22", "lake", "state")
        yield whole.for_partition(partition) if partition else whole


def published(target: Target) -> Iterator[str]:
    """The keys in the lake that runs, several objects and replays make."""
    for day, number in itertools.product(("2026-11-22", "2026-01-01"), (1, 2, 99_999)):
        key = target.object_key(day, number)
        yield key
        yield f"{key.removesuffix(f'.{target.suffix}')}.0123456789ab.{target.suffix}"


def remembered(target: Target) -> Iterator[tuple[str, bool]]:
    """The keys in the state bucket, and whether they are deleted too."""
    for key in (
        target.checkpoint,
        target.cuts,
        f"{target.staged_prefix}token/000001-000001",
        target.window,
        target.active_date,
    ):
        yield key, True
    yield target.remembered_key("2026-11-22"), True
    yield refresh_token_key(target.source), True
    yield target.receipt, False
    yield target.quarantine, False


def allowed(granted: set[str], action: str, bucket: str, key: str) -> bool:
    return any(fnmatch.fnmatchcase(f"s3:{action} on {bucket}/{key}", grant) for grant in granted)


@pytest.mark.parametrize(
    ("who", "name", "prefixes"),
    [
        (("ingest", "myapiFunctionRole", "AWS::IAM::Policy"), "my_api", ("raw/apis",)),
        (("operator", "Policy", "AWS::IAM::ManagedPolicy"), "my_api", ("", "raw", "raw/apis")),
    ],
)
def test_who_runs_an_ingest_may_write_every_key_of_it(
    stage: Stage, who: tuple[str, str, str], name: str, prefixes: tuple[str, ...]
) -> None:
    granted = grants(stage("dev", "aws"), *who)
    for target in targets(name, prefixes):
        for key, action in itertools.product(published(target), ("PutObject", "GetObject", "AbortMultipartUpload")):
            assert allowed(granted, action, "Lake", key), f"{action} {key}"
        for key, deleted in remembered(target):
            for action in ("GetObject", "PutObject", *(["DeleteObject"] if deleted else [])):
                assert allowed(granted, action, "State", key), f"{action} {key}"


def test_a_function_may_write_no_key_of_another_source(stage: Stage) -> None:
    granted = grants(stage("dev", "aws"), "ingest", "myapiFunctionRole")
    for target in targets("my_api2", ("raw/apis", "")):
        for key in published(target):
            assert not allowed(granted, "PutObject", "Lake", key)
        for key, _ in remembered(target):
            assert not allowed(granted, "GetObject", "State", key)
