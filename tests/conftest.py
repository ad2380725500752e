"""Fixtures and hooks for every test."""

import itertools
import signal
from collections.abc import Iterable, Iterator

import pytest

from brigade import aws
from tests.examples import load_profile

load_profile()

# A shell that starts something aside has it ignore SIGINT, and what it starts in turn; some tests send SIGINT.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put files that need a deployment first, each followed by three that need none.

    They take longest. Deployments are made one after the other, so the files between them keep other workers busy.
    """
    files = [list(tests) for _, tests in itertools.groupby(items, key=lambda item: item.path)]
    deployed = [tests for tests in files if any("deployed" in getattr(test, "fixturenames", ()) for test in tests)]
    others = [tests for tests in files if tests not in deployed]
    rest = iter(others)
    rounds: Iterable[tuple[list[pytest.Item], ...]] = itertools.zip_longest(deployed, rest, rest, rest, fillvalue=[])
    items[:] = [test for pair in rounds for tests in pair for test in tests]


@pytest.fixture(autouse=True)
def _no_session_of_another_test() -> Iterator[None]:
    """Sessions and clients keep the credentials of the environment, which another test has set for itself."""
    yield
    for cache in (aws._session, aws._client, aws._account):
        cache.cache_clear()
