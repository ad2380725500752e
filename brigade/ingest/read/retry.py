"""Retries of a request: the decision, and the wait before it."""

import contextlib
import email.utils
import time
from collections.abc import Mapping

_RESETS = ("RateLimit-Reset", "X-RateLimit-Reset", "X-Rate-Limit-Reset")
_LEFT = ("RateLimit-Remaining", "X-RateLimit-Remaining", "X-Rate-Limit-Remaining")
_MILLISECONDS = 1e11  # a reset above this is in milliseconds; in seconds it would be in the year 5138


def is_retryable(status: int) -> bool:
    """Return whether a response with this status may be another one the next time: 429 and 5xx."""
    return status == 429 or status >= 500


def requested_wait(status: int, headers: Mapping[str, str]) -> float | None:
    """Return the seconds to wait by Retry-After (seconds or a date), or until the quota is reset; None: not specified.

    Many APIs send the reset with every response. It counts only if the quota is used up.
    """
    if said := headers.get("Retry-After"):
        with contextlib.suppress(ValueError):
            return float(said) if float(said) >= 0 else None
        with contextlib.suppress(TypeError, ValueError):
            return max(0.0, email.utils.parsedate_to_datetime(said).timestamp() - time.time())
    if status != 429 and not any(headers.get(name) == "0" for name in _LEFT):
        return None
    for name in _RESETS:
        with contextlib.suppress(TypeError, ValueError):
            reset = float(headers[name]) if name in headers else None
            if reset is not None and reset >= 0:  # seconds from now, or (milli)seconds since 1970
                since_1970 = reset / 1000 if reset > _MILLISECONDS else reset
                return max(0.0, since_1970 - time.time() if reset > 1e9 else reset)
    return None
