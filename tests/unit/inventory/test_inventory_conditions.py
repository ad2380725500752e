"""Random conditions: the rows of a pushed condition are those of the engine, and those of a filter written here.

The filter is SQL's three-valued logic over Python values: None is unknown.
"""

import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st
from sqlglot import parse_one

from brigade.inventory import Delivery, query, read
from brigade.inventory.sql.predicate_pushdown import push_down
from tests.examples import examples
from tests.unit.inventory.conditions import CONDITIONS, ROWS, Condition, deliver


@pytest.fixture(scope="module")
def deliveries(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Delivery]:
    return {form: deliver(tmp_path_factory.mktemp(form), form) for form in ("CSV", "ORC", "Parquet")}


def pushed_rows(delivery: Delivery, where: str) -> list[str]:
    return [tag for batch in read(delivery, ["e_tag"], where) for tag in batch["e_tag"].to_pylist()]


@seed(20261201)
@settings(max_examples=examples(6))
@given(found=st.lists(CONDITIONS, min_size=10, max_size=20))
def test_pushed_rows_are_the_engines_and_those_of_a_filter_in_python(
    deliveries: dict[str, Delivery], found: list[Condition]
) -> None:
    # Every condition is a column of one query, so that the engine says true, false and null of each row.
    shown = ", ".join(f"({condition.sql})" for condition in found)
    for form, delivery in deliveries.items():
        answers = {row[0]: row[1:] for row in query(delivery, f"SELECT e_tag, {shown} FROM inventory").rows()}
        for number, condition in enumerate(found):
            expected = [condition.of(row) for row in ROWS]
            assert [answers[row["e_tag"]][number] for row in ROWS] == expected, (form, condition.sql)
            kept = [row["e_tag"] for row, truth in zip(ROWS, expected, strict=True) if truth]
            assert pushed_rows(delivery, condition.sql) == kept, (form, condition.sql)


@pytest.mark.parametrize(
    ("where", "is_pushed"),
    [
        ("key NOT LIKE 'keep/%'", True),
        ("NOT key LIKE 'keep/%'", True),
        ("key NOT LIKE 'keep!/%' ESCAPE '!'", False),
        ("key LIKE ANY ('keep/%')", False),
        ("key ILIKE 'keep/%'", False),
        ("size BETWEEN SYMMETRIC 5 AND 1", False),
        ("size = -5", True),
        ("key = -'a'", False),
        ("is_latest = -true", False),
        ("size = 9223372036854775807", True),
        ("size = 9223372036854775808", False),
        ("size = -9223372036854775808", True),
        ("inventory.size = 5", False),
        ("key IN (SELECT key FROM inventory)", False),
        ("key IN ('a', NULL)", False),
        ("last_modified_date > TIMESTAMP '2024-04-22 01:11:05.001'", True),
        ("last_modified_date > TIMESTAMP '2024-04-22 01:11:05.0005'", False),
        ("last_modified_date > CAST('2024-04-22 01:11:05.9' AS timestamp(0))", False),
        ("last_modified_date > TRY_CAST('2024-04-22' AS date)", False),
        ("last_modified_date > TIMESTAMP '2024-04-22 01:11:05 UTC'", False),
        ("last_modified_date > DATE '20240422'", False),
        ("last_modified_date > DATE '2024-02-30'", False),
        ("is_latest IS TRUE", False),
    ],
)
def test_a_node_is_pushed_only_if_all_its_arguments_are_known(where: str, is_pushed: bool) -> None:
    kinds = {"key": "string", "size": "bigint", "is_latest": "boolean", "last_modified_date": "timestamp"}
    found, rest = push_down(parse_one(where, read="athena"), kinds)  # type: ignore[arg-type]  # the kinds are literals
    assert (found is not None, rest is None) == (is_pushed, is_pushed)


def test_a_long_or_is_decided_without_exhausting_the_stack(deliveries: dict[str, Delivery]) -> None:
    where = " OR ".join(f"size = {number}" for number in range(400))
    assert pushed_rows(deliveries["CSV"], where) == [row["e_tag"] for row in ROWS if row["size"] in range(400)]
