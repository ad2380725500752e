"""From a declaration to what reads it."""

from collections.abc import Callable
from typing import Any, TypeAlias

from brigade.errors import SettingsError
from brigade.ingest.credentials import credentials
from brigade.ingest.feed import Feed
from brigade.ingest.fetch import Api
from brigade.ingest.source import Source
from brigade.ingest.walk import Reads
from brigade.state import State

Reader: TypeAlias = Callable[[Callable[[], float]], Reads]


def reading(source: Feed, name: str, *, url: str | None, client: Callable[[str], Any], state: State | None) -> Reader:
    """Give what makes a reader of a source, from the seconds that it may take; they share the credentials.

    Arguments: ``url``, of this stage, for an API; ``client`` makes a client of AWS, by service; ``state``, where a
    rotated token is kept. Nothing is contacted. Fails with SettingsError when a source is of no kind that can be read.
    """
    if isinstance(source, Source):
        api, who = source, credentials(source.authentication, client, state, name)
        return lambda remaining: Api(api, url or api.base_url, remaining, who)
    raise SettingsError(f"source {name} is a {type(source).__name__}, which nothing can read; declare a Source")
