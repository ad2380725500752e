"""Fixtures and hooks for every test."""

import os
import signal
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from brigade import aws

# A slow machine is no fault of what is tested, and the same commit gives the same result. HYPOTHESIS_PROFILE=search
# looks for new examples.
_PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("repeatable", _PATIENT, derandomize=True)
settings.register_profile("search", _PATIENT)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))

# A shell that starts something aside has it ignore SIGINT, and what it starts in turn; some tests send SIGINT.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _no_session_of_another_test() -> Iterator[None]:
    """Sessions and clients keep the credentials of the environment, which another test has set for itself."""
    yield
    for cache in (aws._session, aws._client, aws._account):
        cache.cache_clear()
