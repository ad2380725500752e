"""The environment of the ingest function: what the stack sets is what the handler reads."""

import pytest

from brigade.errors import SettingsError
from lambdas.ingest.environment import IngestEnvironment

REQUIRED = {"BRIGADE_SOURCE": "demo", "BRIGADE_LAKE_BUCKET": "lake", "BRIGADE_STATE_BUCKET": "state"}


@pytest.mark.parametrize("base_url", [None, "https://host"])
def test_what_is_set_is_what_is_read(base_url: str | None) -> None:
    made = IngestEnvironment(source="demo", lake_bucket="lake", state_bucket="state", base_url=base_url)
    assert made.variables() == REQUIRED | ({"BRIGADE_BASE_URL": base_url} if base_url else {})
    assert IngestEnvironment.read(made.variables() | {"PATH": "/bin"}) == made


@pytest.mark.parametrize("name", REQUIRED)
@pytest.mark.parametrize("value", [None, ""])
def test_a_variable_that_is_absent_or_empty_is_named(name: str, value: str | None) -> None:
    variables = {key: each for key, each in (REQUIRED | {name: value}).items() if each is not None}
    with pytest.raises(SettingsError, match=rf"^environment variables of the function: .*{name}.*deploy its stack"):
        IngestEnvironment.read(variables)
