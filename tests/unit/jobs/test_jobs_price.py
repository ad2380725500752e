import pytest

from brigade.jobs.price import Prices, assumed_seconds, estimate, prices


def test_the_classic_example_comes_out_of_its_own_prices() -> None:
    """AWS's own example of 5 million thumbnails: 5.25 + 21.83 + 2 + 25 = 54.08 USD."""
    classic = Prices(
        dated="2019-04-30",
        region="us-east-1",
        architecture="x86_64",
        job=0.25,
        million_objects=1.00,
        million_invocations=0.20,
        gib_second=0.00001667,
        thousand_reads=0.0004,
        thousand_writes=0.005,
    )
    lines = estimate(5_000_000, None, memory_mib=128, writes=True, seconds=2.0, price=classic)
    by_item = {line.item: line.dollars for line in lines}
    assert by_item["the job"] + by_item["objects"] == pytest.approx(5.25)
    assert by_item["Lambda invocations"] + by_item["Lambda time"] == pytest.approx(21.83, abs=0.01)
    assert by_item["S3 reads"] == pytest.approx(2)
    assert by_item["S3 writes"] == pytest.approx(25)
    assert sum(by_item.values()) == pytest.approx(54.08, abs=0.01)


def test_the_fee_of_the_job_rules_a_small_one() -> None:
    lines = estimate(1000, 0, memory_mib=128, writes=False, price=prices())
    total = sum(line.dollars for line in lines)
    assert 0.25 < total < 0.26
    assert "S3 writes" not in {line.item for line in lines}


def test_large_objects_are_assumed_to_take_longer() -> None:
    assert assumed_seconds(10, None) == 0.25
    assert assumed_seconds(10, 10 * 40 * 1024 * 1024) == pytest.approx(1.25)
    assert assumed_seconds(0, 0) == 0.25


def test_the_shipped_prices_are_dated() -> None:
    assert prices().dated >= "2026-01-01"
