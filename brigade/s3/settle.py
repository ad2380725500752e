"""Settle a conditional write whose answer does not say what happened.

A reply can be lost and the client's own retry then meets its own first write (412); an error can come inside a 200; a
409 says that somebody was faster, not who. Each write therefore carries a token of its own in the object's metadata,
and a look at the object says whose write is there.
"""

import os
import time
from typing import NamedTuple

from brigade.errors import ConditionLost
from brigade.s3.condition import Absent, Condition, Matches
from brigade.s3.head import Found, Heads, head
from brigade.s3.refusal import code, unheard

TOKEN = "brigade-write"  # noqa: S105 - the name of a metadata entry
TRIES = 4
LOST = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "412", "409"})
"""Codes of an answer that a condition did not hold, or that another request works on the object."""


class Written(NamedTuple):
    """A write that is known to have happened: the version it made, and its checksum where S3's answer told it."""

    etag: str
    version_id: str | None
    checksum: str | None = None


def new_token() -> str:
    """Make a token that no other write has."""
    return os.urandom(16).hex()


def unclear(error: Exception, condition: Condition) -> bool:
    """Say whether only a look at the object can tell if the write happened."""
    if unheard(error) or code(error) in LOST:
        return True
    # If-Match meets no object: gone, or S3 says so while another write is on its way.
    return isinstance(condition, Matches) and code(error) in {"NoSuchKey", "404"}


def refused_once(error: Exception) -> bool:
    """Return whether S3 refused a conditional write that was sent once: then it was not made.

    After a retry of the SDK, the refusal may come from the object that the first try wrote.
    """
    metadata = (getattr(error, "response", None) or {}).get("ResponseMetadata", {})
    return code(error) in {"PreconditionFailed", "412"} and metadata.get("RetryAttempts") == 0


def settle(client: Heads, bucket: str, key: str, token: str, condition: Condition) -> Written | None:
    """Say what became of the write with ``token``: Written if it is there, None if it may be sent again.

    Fails with ConditionLost, naming both versions, when another write is there against the condition. A write that
    happened and was at once replaced counts as lost.
    """
    found = head(client, bucket, key)
    if found and found.metadata.get(TOKEN) == token:
        return Written(found.etag, found.version_id)
    where = f"s3://{bucket}/{key}"
    if isinstance(condition, Absent) and found:
        raise ConditionLost(f"{where} exists already, as {_version(found)}; nothing was written")
    if isinstance(condition, Matches) and (found is None or found.etag.strip('"') != condition.etag.strip('"')):
        now = _version(found) if found else "deleted"
        raise ConditionLost(
            f"{where} was changed by another writer: expected ETag {condition.etag}, it is {now}; nothing was written"
        )
    return None


def pause(attempt: int) -> None:
    """Wait before try number ``attempt`` + 1: up to 0.2 s, doubled each time, at random so that racers part."""
    import random

    time.sleep(random.uniform(0, 0.2 * 2**attempt))  # noqa: S311 - no secret depends on it


def _version(found: Found) -> str:
    return f"ETag {found.etag}" + (f" version {found.version_id}" if found.version_id else "")
