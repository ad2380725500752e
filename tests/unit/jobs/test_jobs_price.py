from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import get_args

import msgspec
import pytest

from brigade.cli.jobs.view import Budget
from brigade.errors import UsageError
from brigade.jobs.price import Prices, Quote, assumed_seconds, estimate_lines, load_prices
from brigade.operations.operation import Operation, PriceClass


def operation(**declared: object) -> Operation:
    """One of 128 MiB that only reads, but for what is declared."""
    return Operation(run=lambda source, arguments: "", summary="", reads=("*",), memory_mib=128, **declared)  # type: ignore[arg-type]  # by name


def test_the_classic_example_comes_out_of_its_own_prices() -> None:
    """AWS's own example of 5 million thumbnails: 5.25 + 21.83 + 2 + 25 = 54.08 USD."""
    classic = Prices(
        dated="2019-04-30",
        region="us-east-1",
        architecture="x86_64",
        job=0.25,
        million_objects=1.00,
        million_listed=0,
        million_invocations=0.20,
        gib_second=0.00001667,
        thousand_reads=0.0004,
        thousand_writes=0.005,
        checksummed_gb=0,
    )
    lines = estimate_lines(5_000_000, None, operation(price="write"), seconds=2.0, price=classic)
    by_item = {line.item: line.dollars for line in lines}
    assert by_item["the job"] + by_item["objects"] == pytest.approx(5.25)
    assert by_item["Lambda invocations"] + by_item["Lambda time"] == pytest.approx(21.83, abs=0.01)
    assert by_item["S3 reads"] == pytest.approx(2)
    assert by_item["S3 writes"] == pytest.approx(25)
    assert sum(by_item.values()) == pytest.approx(54.08, abs=0.01)


def test_the_fee_of_the_job_rules_a_small_one() -> None:
    lines = estimate_lines(1000, 0, operation(), price=load_prices())
    total = sum(line.dollars for line in lines)
    assert 0.25 < total < 0.26
    assert "S3 writes" not in {line.item for line in lines}


def test_large_objects_are_assumed_to_take_longer() -> None:
    assert assumed_seconds(10, None) == 0.25
    assert assumed_seconds(10, 10 * 40 * 1024 * 1024) == pytest.approx(1.25)
    assert assumed_seconds(0, 0) == 0.25
    assert assumed_seconds(10, 10 * 40 * 1024 * 1024, passes=0) == 0.25


def test_the_price_class_says_how_often_s3_is_asked() -> None:
    def requests(kind: str) -> dict[str, str]:
        lines = estimate_lines(1000, 0, operation(price=kind), price=load_prices())
        return {line.item: line.quantity for line in lines if line.item.startswith("S3")}

    assert requests("look") == requests("read") == {"S3 reads": "1,000"}
    assert requests("rewrite") == {"S3 reads": "4,000", "S3 writes": "1,000"}


def test_the_shipped_prices_are_dated() -> None:
    assert load_prices().dated >= "2026-01-01"


def test_a_list_that_s3_makes_is_charged_by_the_bucket_not_by_what_matches() -> None:
    lines = estimate_lines(10, None, operation(), price=load_prices(), walked=2_000_000)
    (listed,) = [line for line in lines if line.item == "the list, by S3"]
    assert listed.quantity == "2,000,000"
    assert listed.dollars == pytest.approx(0.03)
    unknown = estimate_lines(1_000_000, None, operation(), price=load_prices(), walked=0)
    assert next(line.dollars for line in unknown if line.item == "the list, by S3") == pytest.approx(0.015)


def test_a_price_list_of_ones_own_takes_the_place_of_the_shipped_one(tmp_path: Path) -> None:
    own = tmp_path / "price.json"
    shipped = msgspec.structs.replace(load_prices(), region="eu-west-1", architecture="x86_64", job=9.0)
    own.write_bytes(msgspec.json.encode(shipped))
    assert load_prices(str(own)) == shipped
    assert estimate_lines(1, None, operation(), price=load_prices(str(own)))[0].dollars == 9.0
    own.write_text('{"dated": "2026-01-01"}')
    with pytest.raises(UsageError, match=r"price\.json: Object missing required field `region`"):
        load_prices(str(own))
    with pytest.raises(UsageError, match="nowhere: No such file"):
        load_prices("nowhere")


GIB = 1 << 30


@pytest.mark.parametrize("kind", get_args(PriceClass))
@pytest.mark.parametrize("size", [None, 100_000 * GIB])
@pytest.mark.parametrize("seconds", [None, 3.5])
@pytest.mark.parametrize("walked", [None, 0, 3_000_000])
def test_what_a_job_has_cost_when_all_is_done_is_what_was_shown(
    kind: PriceClass, size: int | None, seconds: float | None, walked: int | None
) -> None:
    quote = Quote(operation(price=kind), 100_000, size, load_prices(), seconds, walked)
    assert quote.dollars(100_000) == pytest.approx(quote.dollars())
    spent = [quote.dollars(done) for done in range(0, 100_001, 10_000)]
    assert spent == sorted(spent)


def test_the_budget_counts_sizes_and_measured_time() -> None:
    verify = Operation(run=lambda source, arguments: "", summary="", reads=("*",), memory_mib=512)
    quote = Quote(verify, 100_000, 100_000 * GIB, load_prices())
    assert quote.dollars() == pytest.approx(17.64, abs=0.01)
    job = SimpleNamespace(failed=0, done=100_000)
    assert "it has cost $17.6" in str(Budget(quote, None, 5.0).exceeded_by(job))  # type: ignore[arg-type]  # the two fields that are read
    assert Budget(quote, None, 18.0).exceeded_by(job) is None  # type: ignore[arg-type]  # as above
    measured = replace(quote, seconds=60.0)
    assert "more than $18.0" in str(Budget(measured, None, 18.0).exceeded_by(job))  # type: ignore[arg-type]  # as above


@pytest.mark.parametrize(
    ("kind", "seconds", "blind"),
    [("read", None, True), ("read", 1.0, False), ("look", None, False), ("set", None, False), ("checksum", 1.0, True)],
)
def test_a_price_without_sizes_knows_that_it_is_blind(kind: PriceClass, seconds: float | None, blind: bool) -> None:
    assert Quote(operation(price=kind), 10, None, load_prices(), seconds).is_blind is blind
    assert not Quote(operation(price=kind), 10, 10, load_prices(), seconds).is_blind
