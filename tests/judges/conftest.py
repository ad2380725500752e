"""Fixtures that the judges share."""

from collections.abc import Iterator

import pytest

from brigade.s3.http import session
from tests.judges.wires import Judge


@pytest.fixture(autouse=True)
def _one_try() -> Iterator[None]:
    """Send each request once. Other tests of the same process keep their tries."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(session, "TRIES", 1)
        yield


@pytest.fixture(scope="session")
def judge() -> Iterator[Judge]:
    made = Judge()
    yield made
    made.close()
