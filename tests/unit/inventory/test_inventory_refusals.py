"""A text that Trino refuses, or that DuckDB alone knows, is refused by one line before any row is read."""

import re
from collections.abc import Iterator

import duckdb
import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st
from sqlglot import exp

from brigade.errors import BrigadeError, UsageError
from brigade.inventory.sql import dialect, duckdb_translation, functions, trino_types
from brigade.inventory.sql.dialect import current_condition
from tests.examples import examples
from tests.unit.inventory.translation import COLUMNS, error_of, translated


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
@settings(max_examples=examples(150))
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
