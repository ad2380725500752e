"""The environment variables of an ingest function: the stack sets them, and the handler reads them."""

from collections.abc import Mapping
from typing import Annotated

import msgspec

from brigade.errors import SettingsError

_Text = Annotated[str, msgspec.Meta(min_length=1)]


class IngestEnvironment(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The environment variables of an ingest function.

    Attributes:
        source: The name of the source: a module of `lambdas/ingest/sources`.
        lake_bucket: The name of the lake bucket.
        state_bucket: The name of the state bucket.
        base_url: The base URL of the API in this stage, in place of the declared one.
    """

    source: _Text = msgspec.field(name="BRIGADE_SOURCE")
    lake_bucket: _Text = msgspec.field(name="BRIGADE_LAKE_BUCKET")
    state_bucket: _Text = msgspec.field(name="BRIGADE_STATE_BUCKET")
    base_url: str | None = msgspec.field(name="BRIGADE_BASE_URL", default=None)

    def variables(self) -> dict[str, str]:
        """Return the variables by name."""
        found: dict[str, str] = msgspec.to_builtins(self)
        return found


def read_environment(variables: Mapping[str, str]) -> IngestEnvironment:
    """Parse the environment variables of the function.

    Raises:
        SettingsError: A variable is absent or empty.
    """
    try:
        return msgspec.convert(dict(variables), IngestEnvironment)
    except msgspec.ValidationError as error:
        raise SettingsError(f"environment variables of the function: {error}; deploy its stack again") from None
