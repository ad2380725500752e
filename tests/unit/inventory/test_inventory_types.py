"""DuckDB refuses, by name and before it reads a row, all that Trino refuses or computes differently."""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import duckdb
import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st
from sqlglot import exp

from brigade.errors import BrigadeError, UsageError
from brigade.inventory import Delivery, query, read
from brigade.inventory.sql import dialect, duckdb_translation, functions, trino_types
from brigade.inventory.sql.dialect import current_condition
from tests.unit.inventory.conftest import of_keys

COLUMNS = [
    *((name, "varchar") for name in ("bucket", "key", "version_id", "e_tag", "dt")),
    ("is_latest", "boolean"),
    ("size", "bigint"),
    ("last_modified_date", "timestamp"),
]


@pytest.fixture(scope="module")
def delivery(tmp_path_factory: pytest.TempPathFactory) -> Delivery:
    return of_keys(tmp_path_factory.mktemp("types"), "CSV", ["a/b.jpg", "c"])


def translated(sql: str) -> str:
    return duckdb_translation.translate(dialect.parse_query(sql), {"inventory": COLUMNS})


def error_of(sql: str) -> str:
    """Return the message of the error that is ours; any other error is raised."""
    try:
        translated(sql)
    except BrigadeError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("is_latest IS TRUE", "IS TRUE"),
        ("is_latest IS NOT FALSE", "IS NOT FALSE"),
        ("is_latest IS UNKNOWN", "IS UNKNOWN"),
        ("key IS JSON", "IS JSON"),
        ("size BETWEEN SYMMETRIC 5 AND 1", "BETWEEN SYMMETRIC"),
        ("size IN [1, 2]", "without ARRAY"),
        ("key[1:2] = 'a'", "':'"),
        ("size > 1 |> 2", r"'\|>'"),
    ],
)
def test_a_condition_that_trino_does_not_parse_is_refused_on_both_engines(where: str, said: str) -> None:
    for parse in (dialect.parse_condition, lambda text: dialect.parse_query(f"SELECT key FROM inventory WHERE {text}")):
        with pytest.raises(UsageError, match=f"the SQL has .*{said}"):
            parse(where)


@pytest.mark.parametrize(
    "sql",
    [
        *[
            f"SELECT 1 FROM inventory a {kind} JOIN inventory b {on}"
            for kind in ("NATURAL", "NATURAL LEFT", "SEMI", "LEFT SEMI", "ANTI", "ASOF", "POSITIONAL")
            for on in ("", "ON a.key = b.key")
        ],
        "SELECT 1 FROM inventory a JOIN inventory b",
        "SELECT 1 FROM inventory, LATERAL (SELECT 1)",
        "SELECT 1 FROM inventory CROSS JOIN LATERAL (SELECT key) AS t",
        "SELECT 1 FROM inventory LATERAL VIEW explode(split(key, '/')) t AS part",
        "FROM inventory",
        "FROM inventory SELECT key",
        "SELECT key FROM (FROM inventory)",
        "SELECT key, FROM inventory",
        "SELECT key FROM inventory |> WHERE size > 1",
        "SELECT key FROM inventory LIMIT 5, 5",
        "SELECT key FROM inventory LIMIT 5 OFFSET 5",
        "SELECT key FROM inventory LIMIT 5 PERCENT",
        "SELECT key FROM inventory LIMIT (SELECT 5)",
        "SELECT DISTINCT ON (key) key FROM inventory",
        "SELECT key FROM inventory ORDER BY ALL",
        "SELECT key FROM inventory GROUP BY ALL",
        "SELECT key FROM inventory QUALIFY row_number() OVER (ORDER BY key) = 1",
        "SELECT key FROM inventory USING SAMPLE 5",
        "SELECT key FROM inventory UNION BY NAME SELECT key FROM inventory",
        "SELECT COLUMNS(*) FROM inventory",
        "SELECT * EXCLUDE (key) FROM inventory",
        "SELECT inventory FROM inventory",
        "SELECT rowid FROM inventory",
        "SELECT size AS s, s + 1 FROM inventory",
        "SELECT lower(key) AS l FROM inventory WHERE l = 'a'",
        "SELECT lower(key) AS l FROM inventory GROUP BY l",
        "SELECT lower(key) AS key FROM inventory ORDER BY upper(key)",
        "SELECT unnest(split(key, '/')) FROM inventory",
        "SELECT key[1] FROM inventory",
        "SELECT split(key, '/')[2] FROM inventory",
        "SELECT {'a': 1} FROM inventory",
        "SELECT [1, 2] FROM inventory",
        "SELECT size // 2 FROM inventory",
        "SELECT size DIV 2 FROM inventory",
        "SELECT size ** 2 FROM inventory",
        "SELECT key GLOB 'a*' FROM inventory",
        "SELECT key ^@ 'a' FROM inventory",
        "SELECT key SIMILAR TO 'a' FROM inventory",
        "SELECT INTERVAL 1 DAY FROM inventory",
        "SELECT ~size FROM inventory",
        "SELECT size << 1 FROM inventory",
        "SELECT lambda x: x FROM inventory",
        "SELECT $1 FROM inventory",
        "SELECT count(*) FROM inventory WHERE key IN inventory",
        "SELECT max(size, 2) FROM inventory",
        "SELECT key FROM inventory UNION SELECT size FROM inventory",
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n",
        "SELECT size / 1024.0 FROM inventory",
        "SELECT avg(size * 1.5) FROM inventory",
        "SELECT CAST(last_modified_date AS varchar) FROM inventory",
        "SELECT CAST(2.5e0 AS bigint) FROM inventory",
        "SELECT split_part(key, '/', size) FROM inventory",
        "SELECT regexp_replace(key, '(a)', '$1') FROM inventory",
        "SELECT regexp_extract(key, '(a)|(b)', 2) FROM inventory",
        "SELECT date_diff('month', last_modified_date, last_modified_date) FROM inventory",
    ],
)
def test_what_trino_refuses_or_reads_in_another_way_is_refused_by_one_line(sql: str) -> None:
    with pytest.raises(UsageError) as caught:
        translated(sql)
    assert len(str(caught.value).splitlines()) == 1


def test_every_function_of_duckdb_is_accepted_on_purpose_or_refused() -> None:
    found = duckdb.execute("SELECT DISTINCT function_name FROM duckdb_functions() WHERE function_name ~ '^[a-z]\\w*$'")
    names = {name for (name,) in found.fetchall()} | {name.lower() for name in exp.FUNCTION_BY_NAME}
    assert len(names) > 500
    for name in names - functions.NAMES:
        for arguments in ("", "key", "key, size", "key, key, 'a'"):
            with pytest.raises(BrigadeError):
                translated(f"SELECT {name}({arguments}) FROM inventory")


def expressions(base: type[exp.Expr]) -> Iterator[type[exp.Expr]]:
    for kind in base.__subclasses__():
        yield kind
        yield from expressions(kind)


def test_every_expression_of_sqlglot_is_known_or_refused() -> None:
    known = trino_types.KNOWN | set(duckdb_translation.UNDERSTOOD)
    kinds = set(expressions(exp.Expr))
    assert len(kinds) > 800
    for kind in kinds - known:
        statement = exp.select(kind()).from_("inventory")
        with pytest.raises(UsageError):
            duckdb_translation.translate(statement, {"inventory": COLUMNS})


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
@settings(max_examples=400, deadline=None)
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


@pytest.mark.parametrize(
    "where",
    [
        "random() < 0.5",
        "rand() < 0.5",
        "uuid() > uuid()",
        "last_modified_date > now() - INTERVAL '7' DAY",
        "last_modified_date > Current_Timestamp",
        "last_modified_date > current_date",
        "key IN (SELECT key FROM inventory LIMIT 10)",
        "key IN (SELECT key FROM inventory TABLESAMPLE BERNOULLI (10))",
        "key IN (SELECT arbitrary(key) FROM inventory GROUP BY e_tag)",
    ],
)
def test_a_selection_that_may_choose_other_objects_the_next_time_is_refused(where: str) -> None:
    with pytest.raises(UsageError, match="may choose other objects each time"):
        current_condition(["key"], where)


def test_a_selection_may_have_such_a_word_as_a_constant() -> None:
    assert (
        current_condition(["key"], "key LIKE 'now' OR key = 'random(' -- now()")
        == "(key LIKE 'now' OR key = 'random(')"
    )


SAMPLES = [
    "SELECT key, count(*) FROM inventory WHERE size > 1e3 AND key LIKE 'a!%' ESCAPE '!' GROUP BY 1 HAVING count(*) > 1",
    "WITH t (a) AS (SELECT size FROM inventory) SELECT CASE a WHEN 1 THEN 'x' END FROM t CROSS JOIN inventory",
    "SELECT DECIMAL '1.5', TIMESTAMP '2024-01-01 00:00:00' - INTERVAL '1' DAY FROM inventory ORDER BY 1 DESC LIMIT 5",
]
SYMBOLS = re.findall(r"\S+", "|> :: { } [ ] ( ) ' \" \\ -- /* {# $$ @ ? : , ; -> \0 é 😺 0x e")
WORDS = re.split("/", " SELECT / FROM / JOIN / IS / OVER / FETCH / PIVOT / AS / |> WHERE /\n")
PIECES = st.sampled_from([*SYMBOLS, *WORDS])


@seed(20261201)
@settings(max_examples=600, deadline=None)
@given(
    sample=st.sampled_from(SAMPLES),
    changes=st.lists(st.tuples(st.integers(0, 120), st.integers(0, 6), PIECES), min_size=1, max_size=4),
)
def test_any_text_is_a_query_or_one_line(sample: str, changes: list[tuple[int, int, str]]) -> None:
    for at, gone, piece in changes:
        sample = sample[:at] + piece + sample[at + gone :]
    assert len(error_of(sample).splitlines()) <= 1


@pytest.mark.parametrize("sql", ["SELECT " + "(" * 5000, "SELECT " + "NOT " * 5000 + "true FROM inventory", "|>", "'"])
def test_a_text_too_deep_or_broken_is_one_line(sql: str) -> None:
    with pytest.raises(UsageError) as caught:
        translated(sql)
    assert re.fullmatch(r"[^\n]+", str(caught.value))


@pytest.mark.parametrize("where", ["len(key) > 3", "size > 5 AND len(key) > 3", "size > 5 AND size = '7'", "key"])
def test_a_condition_of_rows_is_held_to_the_same_rules(delivery: Delivery, where: str) -> None:
    with pytest.raises(UsageError):
        read(delivery, ["key"], where)
