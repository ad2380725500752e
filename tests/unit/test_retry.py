"""Pauses between tries stay within their limits."""

import pytest

from brigade.retry import backoff


@pytest.mark.parametrize("least", [0.0, 0.5, 1.0])
@pytest.mark.parametrize(("attempt", "limit"), [(0, 0.2), (1, 0.4), (4, 3.2), (5, 5.0), (40, 5.0)])
def test_a_pause_is_between_its_share_of_the_limit_and_the_limit(attempt: int, limit: float, least: float) -> None:
    pauses = [backoff(attempt, 0.2, 5.0, least=least) for _ in range(50)]
    assert all(least * limit <= pause <= limit for pause in pauses)
    assert least == 1 or len(set(pauses)) > 1
