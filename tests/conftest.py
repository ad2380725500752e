"""What holds for every test."""

import signal
from collections.abc import Iterator

import pytest

from brigade import aws
from tests.examples import load_profile

load_profile()

# A shell that starts something aside has it ignore SIGINT, and what it starts in turn; some tests send SIGINT.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _no_session_of_another_test() -> Iterator[None]:
    """Sessions and clients keep the credentials of the environment, which another test has set for itself."""
    yield
    for cache in (aws._session, aws._client, aws._account):
        cache.cache_clear()
