"""Conditions on `dt` choose the deliveries that Athena reads, and never leave out one with a row that counts."""

from collections.abc import Sequence

import duckdb
import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from brigade.inventory.sql.dialect import parse_query
from brigade.inventory.sql.partitions import reads_dt, select_partitions
from tests.examples import examples


@pytest.mark.parametrize(
    ("sql", "does"),
    [
        ("SELECT key FROM inventory WHERE dt = 'x'", True),
        ('SELECT "DT" FROM inventory', True),
        ("SELECT key FROM inventory ORDER BY dt", True),
        ("SELECT max(key) FROM inventory GROUP BY dt", True),
        ("WITH big AS (SELECT * FROM inventory) SELECT key FROM big WHERE dt = 'x'", True),
        ("WITH a(d) AS (SELECT dt FROM inventory) SELECT d FROM a", True),
        ("SELECT key FROM inventory i WHERE EXISTS (SELECT 1 FROM inventory o WHERE o.dt < i.dt)", True),
        ("SELECT date(last_modified_date) AS dt, count(*) FROM inventory GROUP BY 1 ORDER BY dt", False),
        (
            "WITH d AS (SELECT date(last_modified_date) AS dt FROM inventory) "
            "SELECT dt FROM d WHERE dt > DATE '2024-01-01'",
            False,
        ),
        ("WITH a(x, dt) AS (SELECT key, size FROM inventory) SELECT dt FROM a", False),
        ("SELECT t.dt FROM inventory, UNNEST(ARRAY[1]) AS t(dt)", False),
        ("SELECT a.dt FROM (SELECT key AS dt FROM inventory) a", False),
        ("SELECT * FROM inventory", False),
        ("SELECT 'dt' FROM inventory", False),
    ],
)
def test_a_query_names_dt_only_by_the_column_of_the_inventory(sql: str, does: bool) -> None:
    assert reads_dt(parse_query(sql)) is does


PARTITIONS = ["2026-11-20-01-00", "2026-11-21-01-00", "2026-11-22-01-00"]
TERMS = st.sampled_from(
    [
        f"{of}dt {rest}"
        for of in ("", "i.", "o.")
        for rest in (
            "= '2026-11-21-01-00'",
            "> '2026-11-20-01-00'",
            "LIKE '2026-11-20%'",
            "NOT LIKE '2026-11-20%'",
            "IN ('2026-11-20-01-00', '2026-11-22-01-00')",
            "IS NULL",
            "IS NOT NULL",
            "IS DISTINCT FROM '2026-11-21-01-00'",
            "<> '2026-11-22-01-00' OR i.size > 1",
        )
    ]
    + ["o.key IS NULL", "i.size > 1", "coalesce(o.dt, '2026-11-20-01-00') = '2026-11-20-01-00'", "i.dt < o.dt"]
)


@seed(20261201)
@settings(max_examples=examples(50))
@given(
    side=st.sampled_from(["JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", ""]),
    on=st.lists(TERMS, max_size=2),
    where=st.lists(TERMS, max_size=2),
)
def test_the_deliveries_that_are_asked_for_hold_every_row_that_counts(
    side: str, on: Sequence[str], where: Sequence[str]
) -> None:
    if side:
        joined = " AND ".join(["o.key = i.key", *(f"({term})" for term in on)])
        source = f"inventory i {side} inventory o ON {joined}"
    else:
        source = "inventory i"
    sql = f"SELECT i.key, i.dt{', o.key, o.dt' if side else ''} FROM {source}"
    sql += " WHERE " + " AND ".join(f"({term})" for term in where) if where else ""
    rows = [(f"k{key}", key, dt) for key, dt in ((1, 0), (1, 1), (2, 1), (2, 2), (3, 0), (4, 2))]
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE rows (key text, size bigint, dt text)")
        connection.executemany(
            "INSERT INTO rows VALUES (?, ?, ?)", [(key, size, PARTITIONS[dt]) for key, size, dt in rows]
        )
        connection.execute("CREATE VIEW inventory AS SELECT * FROM rows")
        try:
            every = sorted(connection.execute(sql).fetchall(), key=repr)
        except duckdb.BinderException:  # an unqualified dt of two tables, or a table that is not joined
            return
        left = select_partitions(parse_query(sql), PARTITIONS)
        listed = ", ".join(f"'{each}'" for each in left) or "NULL"
        connection.execute(f"CREATE OR REPLACE VIEW inventory AS SELECT * FROM rows WHERE dt IN ({listed})")
        assert sorted(connection.execute(sql).fetchall(), key=repr) == every, (sql, left)


def test_conditions_on_dt_leave_deliveries_out() -> None:
    sql = (
        "SELECT i.key FROM inventory i LEFT JOIN inventory o ON o.key = i.key AND o.dt = '2026-11-20-01-00' "
        "WHERE i.dt = '2026-11-21-01-00' AND o.key IS NULL"
    )
    assert select_partitions(parse_query(sql), PARTITIONS) == PARTITIONS[:2]
    assert select_partitions(parse_query("SELECT key FROM inventory WHERE dt = '2026-11-23-21-32'"), PARTITIONS) == []
