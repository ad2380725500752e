"""Rules for retries: retryable error codes, pauses between tries, a rate limit."""

import threading
import time

RETRYABLE_CODES = frozenset(
    {
        *("Throttling", "ThrottlingException", "ThrottledException", "RequestThrottled", "RequestThrottledException"),
        *("TooManyRequests", "TooManyRequestsException", "RequestLimitExceeded", "LimitExceededException"),
        *("BandwidthLimitExceeded", "ProvisionedThroughputExceededException", "SlowDown", "EC2ThrottledException"),
        *("PriorRequestNotComplete", "TransactionInProgressException", "RequestTimeout", "RequestTimeoutException"),
        *("InternalError", "InternalFailure", "InternalServerError", "InternalServiceError"),
        *("InternalServiceException", "ServiceUnavailable", "Busy"),
    }
)
"""Error codes of AWS for throttling and for faults that pass: botocore's standard retry mode, and S3's own."""

RETRYABLE_STATUS = frozenset({429, 500, 502, 503, 504})
"""HTTP statuses of AWS with the same meaning, for answers without a code."""


def backoff(attempt: int, first: float, longest: float, *, least: float = 0.0) -> float:
    """Return a random pause in seconds before the next try.

    The limit doubles with each try. The pause is random, so that racing writers part.

    Args:
        attempt: Number of tries that have failed before the last one.
        first: The limit in seconds for attempt 0.
        longest: The limit in seconds for any attempt.
        least: The shortest pause, as a share of the limit: 0 is full jitter, 0.5 is half, 1 is none.

    Source: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """
    import random  # loads hashlib and bisect: most commands never retry

    limit = min(first * 2**attempt, longest)
    return random.uniform(least * limit, limit)  # noqa: S311 - no secret depends on it


class RateLimit:
    """At most `per_second` units a second, over all threads. None is no limit."""

    def __init__(self, per_second: float | None) -> None:
        self._seconds_each = 1 / per_second if per_second else 0.0
        self._next = time.monotonic()
        self._lock = threading.Lock()

    def wait(self, count: int) -> None:
        """Wait until `count` more units may start."""
        if not self._seconds_each:
            return
        with self._lock:
            now = time.monotonic()
            start = max(now, self._next)
            self._next = start + count * self._seconds_each
        time.sleep(start - now)
