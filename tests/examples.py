"""Number of generated examples in a test: few in `make test`, twenty times as many in `make judge`."""

import os

from hypothesis import HealthCheck, settings

SEARCHES = os.environ.get("HYPOTHESIS_PROFILE") == "search"
_TIMES = 20 if SEARCHES else 1


def examples(count: int) -> int:
    """Return `count`, or twenty times as many in `make judge`."""
    return count * _TIMES


def load_profile() -> None:
    """Repeat the same examples in `make test`, and search for new ones in `make judge`.

    There is no deadline: a slow machine is no fault of the tested code.
    """
    slow = [HealthCheck.too_slow]
    patient = settings(deadline=None, max_examples=examples(100), suppress_health_check=slow, derandomize=not SEARCHES)
    settings.register_profile("ours", patient)
    settings.load_profile("ours")
