"""What the judges share."""

from collections.abc import Iterator

import pytest

from brigade.s3.http import session
from tests.judges.wires import Judge


@pytest.fixture(scope="session")
def _one_try() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(session, "TRIES", 1)
        yield


@pytest.fixture(scope="session")
def judge(_one_try: None) -> Iterator[Judge]:
    made = Judge()
    yield made
    made.close()
