"""The tests notice a mutation. `make mutate` checks all of them; here is one of each verdict."""

from pathlib import Path

import pytest

from tests.mutations.mutation import Mutation
from tests.mutations.mutations import MUTATIONS
from tests.mutations.runner import ROOT, check_mutation, copy_sources, find_file

pytestmark = pytest.mark.process

LEASE = "tests/unit/state/test_lease.py::test_the_same_holder_acquires_it_again_and_the_epoch_grows"
RETRY = "tests/unit/test_retry.py"


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda each: each.name)
def test_the_text_of_a_mutation_occurs_once_and_its_tests_exist(mutation: Mutation) -> None:
    find_file(mutation)
    for test in mutation.tests:
        file, _, name = test.partition("::")
        assert f"def {name.partition('[')[0]}" in (ROOT / file).read_text()


def test_mutations_have_names_of_their_own() -> None:
    assert len({each.name for each in MUTATIONS}) == len(MUTATIONS)


def test_a_text_that_occurs_twice_or_never_is_an_error() -> None:
    for text, times in (("no such text in the sources", "0"), ("import ", r"\d{3,}")):
        with pytest.raises(ValueError, match=f"the text occurs {times} times and not once"):
            find_file(Mutation("it", text, "", ()))


def test_a_mutation_is_killed_or_survives_or_is_broken(tmp_path: Path) -> None:
    copy = copy_sources(tmp_path / "copy")
    before = {file: file.read_text() for file in (copy / "brigade").rglob("*.py")}
    epoch = next(each for each in MUTATIONS if each.name == "the epoch does not grow")
    killed = check_mutation(epoch._replace(tests=(LEASE,)), copy)
    assert (killed.verdict, killed.test) == ("killed", LEASE)
    assert check_mutation(epoch._replace(tests=(RETRY,)), copy).verdict == "survived"
    for wrong in ("Lease(no_such_name, holder", "Lease(, holder"):
        assert check_mutation(epoch._replace(replacement=wrong, tests=(LEASE,)), copy).verdict == "broken"
    assert {file: file.read_text() for file in (copy / "brigade").rglob("*.py")} == before
