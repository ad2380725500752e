"""DuckDB refuses, by name and before it reads a row, all that Trino refuses or computes differently."""

from typing import Any, NamedTuple

import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from brigade.errors import UsageError
from brigade.inventory import Delivery, query, read
from tests.examples import examples
from tests.unit.inventory.conftest import of_keys
from tests.unit.inventory.translation import translated


@pytest.fixture(scope="module")
def delivery(tmp_path_factory: pytest.TempPathFactory) -> Delivery:
    return of_keys(tmp_path_factory.mktemp("types"), "CSV", ["a/b.jpg", "c"])


class Typed(NamedTuple):
    """An expression, and its type in Trino; None where Trino refuses it."""

    sql: str
    kind: str | None


LEAVES = [
    Typed("key", "varchar"),
    Typed("'1500'", "varchar"),
    Typed("'2024-04-22'", "varchar"),
    Typed("size", "bigint"),
    Typed("7", "bigint"),
    Typed("1.5", "decimal"),
    Typed("2e0", "double"),
    Typed("is_latest", "boolean"),
    Typed("true", "boolean"),
    Typed("last_modified_date", "timestamp"),
    Typed("TIMESTAMP '2024-04-22 00:00:00'", "timestamp"),
    Typed("DATE '2024-04-22'", "date"),
    Typed("NULL", "unknown"),
]
FAMILIES = [("bigint", "decimal", "double"), ("date", "timestamp")]


def mixed(*kinds: str | None) -> str | None:
    """Trino's rule: equal types, NULL with any, a narrower number or time with a wider one, and nothing else."""
    there = [kind for kind in kinds if kind != "unknown"]
    if not there or len(set(there)) == 1:
        return there[0] if there else "unknown"
    family = next((family for family in FAMILIES if set(there) <= set(family)), None)
    return max(there, key=family.index) if family else None


def composed(inner: st.SearchStrategy[Typed]) -> st.SearchStrategy[Typed]:
    @st.composite
    def draw_one(draw: st.DrawFn) -> Typed:
        a, b, c = draw(inner), draw(inner), draw(inner)
        two, three = mixed(a.kind, b.kind), mixed(a.kind, b.kind, c.kind)
        number = mixed(two, "bigint") and two
        all_boolean = {a.kind, b.kind} <= {"boolean", "unknown"}
        sign = draw(st.sampled_from(["=", "<>", "<", ">=", "IS DISTINCT FROM"]))
        return draw(
            st.sampled_from(
                [
                    Typed(f"(({a.sql}) {sign} ({b.sql}))", two and "boolean"),
                    Typed(f"(({a.sql}) IN ({b.sql}, {c.sql}))", three and "boolean"),
                    Typed(f"(({a.sql}) BETWEEN {b.sql} AND {c.sql})", three and "boolean"),
                    Typed(f"coalesce({a.sql}, {b.sql})", two),
                    Typed(f"greatest({a.sql}, {b.sql}, {c.sql})", three),
                    Typed(f"nullif({a.sql}, {b.sql})", two and a.kind),
                    Typed(f"CASE WHEN size > 1 THEN {a.sql} ELSE {b.sql} END", two),
                    Typed(f"CASE {a.sql} WHEN {b.sql} THEN 1 END", two and "bigint"),
                    Typed(f"if(is_latest, {a.sql}, {b.sql})", two),
                    Typed(f"(({a.sql}) + ({b.sql}))", number),
                    Typed(f"(({a.sql}) AND ({b.sql}))", "boolean" if all_boolean else None),
                    Typed(f"(NOT ({a.sql}))", "boolean" if a.kind in ("boolean", "unknown") else None),
                    Typed(f"lower({a.sql})", "varchar" if a.kind in ("varchar", "unknown") else None),
                    Typed(f"({a.sql}) || ({b.sql})", "varchar" if {a.kind, b.kind} <= {"varchar", "unknown"} else None),
                    Typed(f"(({a.sql}) IS NULL)", "boolean"),
                ]
            )
        )

    return draw_one()


def spoiled(inner: st.SearchStrategy[Typed]) -> st.SearchStrategy[Typed]:
    return composed(inner.filter(lambda found: found.kind is not None))


EXPRESSIONS = spoiled(st.one_of(st.sampled_from(LEAVES), spoiled(st.sampled_from(LEAVES))))


@seed(20261201)
@settings(max_examples=examples(100))
@given(found=EXPRESSIONS)
def test_types_mix_as_in_trino(found: Typed) -> None:
    sql = f"SELECT {found.sql} FROM inventory"
    if found.kind is None:
        with pytest.raises(UsageError, match="Athena refuses the types"):
            translated(sql)
    else:
        translated(sql)


@pytest.mark.parametrize(
    "where",
    [
        "size = '1500'",
        "last_modified_date > '2024-04-22'",
        "is_latest = 1",
        "is_latest = 'true'",
        "key = 5",
        "size",
        "size IN (1, '2')",
        "size IN (SELECT key FROM inventory)",
        "size = (SELECT max(key) FROM inventory)",
        "key LIKE 5",
        "length(size) = 1",
        "sum(is_latest) > 1",
    ],
)
def test_a_comparison_of_two_types_is_refused_before_it_runs(delivery: Delivery, where: str) -> None:
    with pytest.raises(UsageError, match="Athena refuses the types in"):
        query(delivery, f"SELECT count(*) FROM inventory {'HAVING' if 'sum' in where else 'WHERE'} {where}")


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("regexp_extract(key, 'x')", None),
        ("regexp_extract(key, '\\.([^./]+)$', 1)", "jpg"),
        ("split_part(key, '/', 2)", "b.jpg"),
        ("split_part(key, '/', 3)", None),
        ("element_at(split(key, '/'), -1)", "b.jpg"),
        ("element_at(split(key, '/'), 3)", None),
        ("substr(key, 0)", ""),
        ("substr(key, -3)", "jpg"),
        ("substr(key, -30)", ""),
        ("substr(key, strpos(key, 'x'))", ""),
        ("substr(key, strpos(key, '/') + 1, 1)", "b"),
        ("date_diff('day', TIMESTAMP '2026-01-01 23:00:00', TIMESTAMP '2026-01-02 01:00:00')", 0),
        ("date_diff('hour', TIMESTAMP '2026-01-02 01:30:00', TIMESTAMP '2026-01-01 23:00:00')", -2),
        ("CAST(DATE '2026-01-31' + INTERVAL '1' MONTH AS varchar)", "2026-02-28"),
        ("date_parse('2026-01-02-03-04', '%Y-%m-%d-%H-%i') = TIMESTAMP '2026-01-02 03:04:00'", True),
        ("TRY_CAST('1_0' AS double)", None),
        ("TRY_CAST('2026-01-01T00:00:00' AS timestamp)", None),
        ("to_hex(md5(to_utf8('a')))", "0CC175B9C0F1B6A831C399E269772661"),
        ("greatest(size, NULL)", None),
        ("5 / 2 + 5 / 2e0", 4.5),
        ("contains(split(key, '/'), 'a') AND cardinality(split(key, '/')) = 2", True),
        ("EXTRACT(DAY_OF_YEAR FROM DATE '2026-02-01')", 32),
    ],
)
def test_a_function_answers_as_trino_documents(delivery: Delivery, expression: str, value: Any) -> None:
    assert next(query(delivery, f"SELECT {expression} FROM inventory ORDER BY key").rows()) == (value,)


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        ("SELECT max_by(nullif(key, 'c'), size) FROM inventory", [(None,)]),
        ("SELECT part FROM inventory CROSS JOIN UNNEST(split(key, '/')) AS t(part) ORDER BY 1 LIMIT 1", [("a",)]),
        (
            "SELECT a.key, b.size FROM inventory a LEFT JOIN inventory b USING (key) ORDER BY key",
            [("a/b.jpg", 0), ("c", 10)],
        ),
        ("SELECT count(*) FROM inventory i WHERE EXISTS (SELECT 1 FROM inventory o WHERE o.size > i.size)", [(1,)]),
        ("SELECT x FROM (VALUES (1, 'a'), (2, NULL)) AS t(x, y) WHERE y IS NULL", [(2,)]),
        (
            "SELECT key, row_number() OVER (PARTITION BY dt ORDER BY size DESC) AS n FROM inventory ORDER BY n",
            [("c", 1), ("a/b.jpg", 2)],
        ),
        ("SELECT is_latest, count(*) FROM inventory GROUP BY ROLLUP (is_latest) ORDER BY 1", [(True, 2), (None, 2)]),
    ],
)
def test_a_query_that_both_engines_know_runs(delivery: Delivery, sql: str, rows: list[Any]) -> None:
    assert list(query(delivery, sql).rows()) == rows


@pytest.mark.parametrize("where", ["len(key) > 3", "size > 5 AND len(key) > 3", "size > 5 AND size = '7'", "key"])
def test_a_condition_of_rows_is_held_to_the_same_rules(delivery: Delivery, where: str) -> None:
    with pytest.raises(UsageError):
        read(delivery, ["key"], where)
