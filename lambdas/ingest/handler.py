"""The ingest function: one source, one date, one invocation of it."""

from typing import Any


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Ingest the date that the event names and answer with the outcome."""
    raise NotImplementedError
