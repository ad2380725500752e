"""A stage with a KMS key of its own: every grant of the key's use is needed too, and no other is made."""

import os
from collections.abc import Iterator

import pytest

from tests.local.conftest import running
from tests.local.deployment import Deployment, deploy
from tests.local.exercises import Exercises
from tests.local.grants import Grant, Policies

_READS, _WRITES = "kms:Decrypt", "kms:GenerateDataKey"
NEEDED_FOR = {
    Grant("S3 Inventory", _WRITES, "*"): "deliver_the_inventory",
    Grant("delivery arrived", _READS, "key"): "summarize_a_delivery",
    Grant("delivery arrived", _WRITES, "key"): "summarize_a_delivery",
    Grant("ingest demo", _READS, "key"): "ingest_a_date_in_parts",
    Grant("ingest demo", _WRITES, "key"): "ingest_a_small_date",
    Grant("job role", _READS, "key"): "verify_a_delivery_under_the_key",
    Grant("job role", _WRITES, "key"): "verify_an_object",
    Grant("jobs ended", _READS, "key"): "tell_of_a_failed_job",
    Grant("jobs ended", _WRITES, "key"): "tell_of_a_failed_job",
    Grant("jobs recur", _READS, "key"): "make_a_recurring_job",
    Grant("jobs recur", _WRITES, "key"): "make_a_recurring_job",
    Grant("operation recompress", _READS, "key"): "recompress_an_object",
    Grant("operation recompress", _WRITES, "key"): "recompress_an_object",
    Grant("operation rekey", _READS, "key"): "rekey_an_object",
    Grant("operation rekey", _WRITES, "key"): "rekey_an_object",
    Grant("operation thumbnail", _READS, "key"): "make_a_thumbnail",
    Grant("operation thumbnail", _WRITES, "key"): "make_a_thumbnail",
    Grant("operation to_parquet", _READS, "key"): "to_parquet_an_object",
    Grant("operation to_parquet", _WRITES, "key"): "to_parquet_an_object",
    Grant("operation verify", _READS, "key"): "verify_an_object",
    Grant("operator", _READS, "key"): "print_rows",
    Grant("operator", _WRITES, "key"): "remember",
}

# As in test_grants: all by `make grants`, one of four by `make test`.
TAKEN = list(NEEDED_FOR) if os.environ.get("BRIGADE_EVERY_GRANT") else list(NEEDED_FOR)[::4]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """The stage ``prod``, which has such a key, on an AWS of its own: two operators' policies would be one."""
    with running(tmp_path_factory.mktemp("kept")) as emulator:
        yield deploy(emulator, "prod")


@pytest.fixture(scope="module")
def exercises(kept: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Exercises:
    return Exercises(kept, tmp_path_factory.mktemp("exercises"))


@pytest.fixture(scope="module")
def policies(kept: Deployment) -> Policies:
    return Policies(kept)


def test_the_stacks_grant_the_keys_use_to_these_and_no_others(policies: Policies) -> None:
    assert {grant for grant in policies.grants() if grant.action.startswith("kms:")} == set(NEEDED_FOR)


@pytest.mark.parametrize("exercise", sorted({NEEDED_FOR[grant] for grant in TAKEN}))
def test_with_the_key_it_works(exercises: Exercises, exercise: str) -> None:
    exercises.succeed(exercise)


@pytest.mark.parametrize("grant", TAKEN, ids=str)
def test_without_the_key_it_fails(exercises: Exercises, policies: Policies, grant: Grant) -> None:
    with policies.without(grant):
        exercises.fail(NEEDED_FOR[grant])
