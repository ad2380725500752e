"""The environment variables of an ingest function."""

from dataclasses import dataclass

from lambdas.environment import FunctionEnvironment


@dataclass(frozen=True, kw_only=True)
class IngestEnvironment(FunctionEnvironment):
    """The environment variables of an ingest function.

    Attributes:
        source: The name of the source: a module of `lambdas/ingest/sources`.
        lake_bucket: The name of the lake bucket.
        state_bucket: The name of the state bucket.
        base_url: The base URL of the API in this stage, in place of the declared one.
    """

    source: str
    lake_bucket: str
    state_bucket: str
    base_url: str | None = None
