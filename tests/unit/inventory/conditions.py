"""Conditions on the columns of a delivery: generated text, and what each means in Python."""

import operator
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote_plus

import pyarrow as pa
from hypothesis import strategies as st
from pyarrow import parquet

from brigade.inventory import Delivery, open_delivery
from tests.unit.inventory.conftest import NO_S3, SCHEMAS, columnar_file, csv_file, write

Row = Mapping[str, Any]
Truth = bool | None

KEYS = [
    "keep/a",
    "keep/b",
    "scratch/c",
    "a%b",
    "a_b",
    "it's",
    "ü/日本 😺",
    "back\\slash",
    "a ",
    "a",
    "A",
    "%",
    '"q",',
    "-5",
]
VERSIONS = [None, "x", "y", "x ", "%x", "null"]
SIZES = [None, 0, 1, 5, -1, 10**12, (1 << 63) - 1]
LATEST = [None, True, False]
START = datetime(2024, 4, 22, 1, 11, 5)
MOMENTS = [None, START, START + timedelta(milliseconds=1), START + timedelta(milliseconds=999), datetime(2024, 4, 23)]


class Condition(NamedTuple):
    """A condition as SQL, and what it is of a row."""

    sql: str
    of: Callable[[Row], Truth]


def rows() -> list[dict[str, Any]]:
    """Rows with every value of every column, in many combinations, unique by their ETag."""
    return [
        {
            "bucket": "b",
            "key": KEYS[number % len(KEYS)],
            "version_id": VERSIONS[number % 6],
            "is_latest": LATEST[number // 2 % 3],
            "size": SIZES[number % 7],
            "last_modified_date": MOMENTS[number // 3 % 5],
            "e_tag": f"e{number}",
        }
        for number in range(60)
    ]


ROWS = rows()


def deliver(folder: Path, form: str) -> Delivery:
    if form == "CSV":
        body = csv_file([[_text(name, value) for name, value in row.items()] for row in ROWS])
    else:
        columns = {name: [row[name] for row in ROWS] for name in ROWS[0]}
        # S3 writes an empty text, not null, for an object without a version.
        columns["version_id"] = [
            value or "" if number % 2 else value for number, value in enumerate(columns["version_id"])
        ]
        kinds = {"size": pa.int64(), "is_latest": pa.bool_(), "last_modified_date": pa.timestamp("ms", tz="UTC")}
        table = pa.table({name: pa.array(values, kinds.get(name, pa.string())) for name, values in columns.items()})
        body = columnar_file(table, form) if form == "ORC" else _groups(table)
    return open_delivery(NO_S3, str(write(folder, form, SCHEMAS[form], [body])))


def _text(name: str, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return f"{value.isoformat(timespec='milliseconds')}Z"
    return quote_plus(value, safe="/") if name == "key" else str(value)


def _groups(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    parquet.write_table(table, sink, row_group_size=7)
    return bytes(sink.getvalue())


def literal(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, datetime):
        digits = f"{value.microsecond:06}".rstrip("0")
        return f"TIMESTAMP '{value.replace(microsecond=0).isoformat(' ')}{'.' if digits else ''}{digits}'"
    return "NULL" if value is None else str(value)


def like(text: str, pattern: str, escape: str | None) -> bool:
    """SQL's LIKE. Without ESCAPE no character escapes another, as in Trino."""
    signs, expression = iter(pattern), ""
    for sign in signs:
        if sign == escape:
            expression += re.escape(next(signs))
        else:
            expression += {"%": "[\\s\\S]*", "_": "[\\s\\S]"}.get(sign) or re.escape(sign)
    return re.fullmatch(expression, text) is not None


def denied(truth: Truth) -> Truth:
    return None if truth is None else not truth


def both(one: Truth, other: Truth) -> Truth:
    if one is False or other is False:
        return False
    return None if one is None or other is None else True


OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "!=": operator.ne,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}


def compared(sign: str, one: Any, other: Any) -> Truth:
    if one is None or other is None:
        return None
    if isinstance(one, str):  # by code point, which is the order of UTF-8's bytes
        one, other = one.encode(), other.encode()
    return OPERATORS[sign](one, other)


def between(value: Any, low: Any, high: Any) -> Truth:
    return both(compared(">=", value, low), compared("<=", value, high))


def one_of(value: Any, values: list[Any]) -> Truth:
    found = [compared("=", value, each) for each in values]
    return True if True in found else None if None in found else False


# Values beside those that are there, so that a comparison meets its own borders: a fraction finer than the column's.
STRINGS = st.sampled_from([*KEYS, *[each for each in VERSIONS if each], "", "keep/", "zz", "e1", "100%", "a__"])
NUMBERS = st.sampled_from([each for each in SIZES if each is not None] + [2, 4, -(1 << 63), -(1 << 62)])
TIMES = st.sampled_from(
    [each for each in MOMENTS if each]
    + [START + timedelta(microseconds=each) for each in (1, 500, 999_999, -1)]
    + [datetime(2024, 4, 22), datetime(1, 1, 1), datetime(9999, 12, 31)]
)
COLUMNS = st.sampled_from(
    [
        ("key", STRINGS),
        ("version_id", STRINGS),
        ("size", NUMBERS),
        ("is_latest", st.booleans()),
        ("last_modified_date", TIMES),
    ]
)
PATTERNS = st.one_of(
    st.sampled_from(["keep/%", "%b", "%a%", "%", "%%", "a_b", "_", "", "a!%b", "!_%", "back\\%", "x", "%😺", "it's"]),
    st.lists(st.sampled_from(["a", "b", "/", "%", "_", "x", " ", "ü", "'", "\\"]), max_size=5).map("".join),
)


@st.composite
def comparisons(draw: st.DrawFn) -> Condition:
    (name, values), sign = draw(COLUMNS), draw(st.sampled_from(list(OPERATORS)))
    value, turned = draw(values), draw(st.booleans())
    shown = draw(st.sampled_from([name, name.upper(), f'"{name}"', f"({name})"]))
    if turned:
        return Condition(f"{literal(value)} {sign} {shown}", lambda row: compared(sign, value, row[name]))
    return Condition(f"{shown} {sign} {literal(value)}", lambda row: compared(sign, row[name], value))


@st.composite
def ranges(draw: st.DrawFn) -> Condition:
    name, values = draw(COLUMNS.filter(lambda column: column[0] != "is_latest"))
    low, high, negated = draw(values), draw(values), draw(st.booleans())
    words = f"{'NOT ' if negated else ''}BETWEEN"
    sql = f"{name} {words} {literal(low)} AND {literal(high)}"

    def of(row: Row) -> Truth:
        found = between(row[name], low, high)
        return denied(found) if negated else found

    return Condition(sql, of)


@st.composite
def lists(draw: st.DrawFn) -> Condition:
    name, values = draw(COLUMNS)
    given_, negated = draw(st.lists(st.one_of(values, values, st.none()), min_size=1, max_size=4)), draw(st.booleans())
    sql = f"{name} {'NOT ' if negated else ''}IN ({', '.join(map(literal, given_))})"
    return Condition(sql, lambda row: denied(one_of(row[name], given_)) if negated else one_of(row[name], given_))


@st.composite
def patterns(draw: st.DrawFn) -> Condition:
    name, negated = draw(st.sampled_from(["key", "version_id"])), draw(st.booleans())
    pattern, escape = draw(PATTERNS), draw(st.sampled_from([None, None, "!", "\\"]))
    if escape:  # it may stand before a wildcard or itself only
        pattern = re.sub(re.escape(escape) + f"(?![%_{re.escape(escape)}])", "", pattern)
        pattern = pattern.replace(escape * 2, "")
        pattern = pattern.removesuffix(escape)
    sql = f"{name} {'NOT ' if negated else ''}LIKE {literal(pattern)}" + (f" ESCAPE '{escape}'" if escape else "")

    def of(row: Row) -> Truth:
        found = None if row[name] is None else like(row[name], pattern, escape)
        return denied(found) if negated else found

    return Condition(sql, of)


@st.composite
def states(draw: st.DrawFn) -> Condition:
    name, values = draw(COLUMNS)
    value = draw(st.one_of(values, st.none()))
    return draw(
        st.sampled_from(
            [
                Condition(f"{name} IS NULL", lambda row: row[name] is None),
                Condition(f"{name} IS NOT NULL", lambda row: row[name] is not None),
                Condition(f"{name} IS DISTINCT FROM {literal(value)}", lambda row: row[name] != value),
                Condition(f"{name} IS NOT DISTINCT FROM {literal(value)}", lambda row: row[name] == value),
                Condition("is_latest", lambda row: row["is_latest"]),
                Condition("length(key) > 3", lambda row: len(row["key"]) > 3),
                Condition("size % 5 = 0", lambda row: None if row["size"] is None else row["size"] % 5 == 0),
                Condition("true", lambda row: True),
                Condition("NULL", lambda row: None),
            ]
        )
    )


def joined(inner: st.SearchStrategy[Condition]) -> st.SearchStrategy[Condition]:
    def not_(one: Condition) -> Condition:
        return Condition(f"NOT ({one.sql})", lambda row: denied(one.of(row)))

    def and_(pair: tuple[Condition, Condition]) -> Condition:
        one, other = pair
        return Condition(f"({one.sql}) AND ({other.sql})", lambda row: both(one.of(row), other.of(row)))

    def or_(pair: tuple[Condition, Condition]) -> Condition:
        one, other = pair
        return Condition(
            f"({one.sql}) OR ({other.sql})",
            lambda row: denied(both(denied(one.of(row)), denied(other.of(row)))),
        )

    pairs = st.tuples(inner, inner)
    return st.one_of(inner.map(not_), pairs.map(and_), pairs.map(or_))


CONDITIONS = st.recursive(st.one_of(comparisons(), ranges(), lists(), patterns(), states()), joined, max_leaves=5)
