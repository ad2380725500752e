"""The functions that mean the same on DuckDB as on Athena, with the types that Trino accepts for them.

Any other function is refused on DuckDB. sqlglot reads the names of many dialects as one function, so the names that
Trino has are a list of their own (``NAMES``).

Source: https://trino.io/docs/current/functions.html
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

from sqlglot import exp

Kinds = frozenset[str]

ANY: Kinds = frozenset()
"""Any type."""
TEXT, INTEGER, BOOLEAN, BYTES = (frozenset({kind}) for kind in ("varchar", "bigint", "boolean", "varbinary"))
NUMBER = frozenset({"bigint", "decimal", "double"})
SUMMED = frozenset({"bigint", "double"})
TIMES = frozenset({"date", "timestamp"})
MOMENTS = frozenset({"timestamp"})
FLAG = frozenset({"a flag of sqlglot, not an expression"})
UNIT = frozenset({"the name of a unit"})
SAME = "the type of the first argument"


class Signature(NamedTuple):
    """The arguments of a function by sqlglot's names, with the types that each one may have, and the result's type."""

    arguments: Mapping[str, Kinds]
    result: str
    required: int = 1
    """The number of required arguments, from the first on."""


def _of(result: str, required: int = 1, /, **arguments: Kinds) -> Signature:
    return Signature(arguments, result, required)


SIGNATURES: Mapping[type[exp.Expr], Signature] = {
    # Text
    exp.Length: _of("bigint", this=TEXT),
    **dict.fromkeys((exp.Lower, exp.Upper), _of("varchar", this=TEXT)),
    exp.Substring: _of("varchar", 2, this=TEXT, start=INTEGER, length=INTEGER),
    exp.Replace: _of("varchar", 3, this=TEXT, expression=TEXT, replacement=TEXT),
    exp.StrPosition: _of("bigint", 2, this=TEXT, substr=TEXT),
    exp.StartsWith: _of("boolean", 2, this=TEXT, expression=TEXT),
    exp.SplitPart: _of("varchar", 3, this=TEXT, delimiter=TEXT, part_index=INTEGER),
    exp.Split: _of("array(varchar)", 2, this=TEXT, expression=TEXT),
    exp.RegexpLike: _of("boolean", 2, this=TEXT, expression=TEXT),
    exp.RegexpExtract: _of("varchar", 2, this=TEXT, expression=TEXT, group=INTEGER, null_if_pos_overflow=FLAG),
    exp.RegexpReplace: _of("varchar", 3, this=TEXT, expression=TEXT, replacement=TEXT),
    exp.Encode: _of("varbinary", this=TEXT, charset=FLAG),
    exp.Hex: _of("varchar", this=BYTES),
    exp.MD5Digest: _of("varbinary", this=BYTES),
    exp.ArraySize: _of("bigint", this=frozenset({"array(varchar)", "array(bigint)"})),
    # Numbers
    exp.Abs: _of(SAME, this=NUMBER),
    exp.Round: _of(SAME, this=NUMBER, decimals=INTEGER),
    **dict.fromkeys((exp.Ceil, exp.Floor), _of("double", this=frozenset({"double"}))),
    **dict.fromkeys((exp.Sqrt, exp.Ln, exp.Exp), _of("double", this=NUMBER)),
    exp.Pow: _of("double", 2, this=NUMBER, expression=NUMBER),
    exp.Log: _of("double", 2, this=NUMBER, expression=NUMBER),
    # Times
    exp.TimestampTrunc: _of(SAME, 2, this=MOMENTS, unit=UNIT),
    exp.DateDiff: _of("bigint", 3, this=TIMES, expression=TIMES, unit=UNIT),
    exp.DateAdd: _of(SAME, 3, this=MOMENTS, expression=INTEGER, unit=UNIT),
    exp.StrToTime: _of("timestamp", 2, this=TEXT, format=TEXT),
    exp.TimeToStr: _of("varchar", 2, this=MOMENTS, format=TEXT),
    exp.TimeToUnix: _of("double", this=MOMENTS),
    exp.Date: _of("date", this=TIMES | TEXT),
    **dict.fromkeys((exp.Year, exp.Quarter, exp.Month, exp.WeekOfYear, exp.Day), _of("bigint", this=TIMES)),
    **dict.fromkeys((exp.DayOfMonth, exp.DayOfYear, exp.DayOfWeekIso, exp.YearOfWeek), _of("bigint", this=TIMES)),
    **dict.fromkeys((exp.Hour, exp.Minute, exp.Second), _of("bigint", this=MOMENTS)),
    exp.Extract: _of("bigint", 2, this=UNIT, expression=TIMES),
    exp.CurrentTimestamp: _of("timestamptz", 0),
    exp.Localtimestamp: _of("timestamp", 0),
    exp.CurrentDate: _of("date", 0),
    # Aggregates
    exp.CountIf: _of("bigint", this=BOOLEAN, big_int=FLAG),
    exp.Sum: _of(SAME, this=NUMBER),
    **dict.fromkeys((exp.Avg, exp.Stddev, exp.StddevSamp, exp.Variance), _of("double", this=SUMMED)),
    **dict.fromkeys((exp.Min, exp.Max, exp.AnyValue), _of(SAME, this=ANY)),
    **dict.fromkeys((exp.ArgMin, exp.ArgMax), _of(SAME, 2, this=ANY, expression=ANY)),
    **dict.fromkeys((exp.LogicalAnd, exp.LogicalOr), _of("boolean", this=BOOLEAN)),
    exp.ApproxDistinct: _of("bigint", this=ANY),
    exp.ApproxQuantile: _of(SAME, 2, this=SUMMED, quantile=frozenset({"decimal", "double"})),
    exp.Rand: _of("double", 0),
    # Windows
    **dict.fromkeys((exp.RowNumber, exp.Rank, exp.DenseRank), _of("bigint", 0)),
    **dict.fromkeys((exp.PercentRank, exp.CumeDist), _of("double", 0)),
    exp.Ntile: _of("bigint", this=INTEGER),
    **dict.fromkeys((exp.FirstValue, exp.LastValue), _of(SAME, this=ANY)),
    exp.NthValue: _of(SAME, 2, this=ANY, offset=INTEGER),
    **dict.fromkeys((exp.Lag, exp.Lead), _of(SAME, this=ANY, offset=INTEGER)),
}

CAST_TYPES: Mapping[exp.DType, str] = {
    **dict.fromkeys((exp.DType.TINYINT, exp.DType.SMALLINT, exp.DType.INT, exp.DType.BIGINT), "bigint"),
    **dict.fromkeys((exp.DType.VARCHAR, exp.DType.TEXT), "varchar"),
    exp.DType.BOOLEAN: "boolean",
    exp.DType.DOUBLE: "double",
    exp.DType.DECIMAL: "decimal",
    exp.DType.DATE: "date",
    exp.DType.TIMESTAMP: "timestamp",
    exp.DType.TIMESTAMPTZ: "timestamptz",
}
CASTS: Mapping[str, frozenset[str]] = {
    "unknown": frozenset(CAST_TYPES.values()),
    "varchar": frozenset({"bigint", "boolean", "double", "decimal", "date", "timestamp"}),
    "bigint": frozenset({"decimal", "double", "varchar", "boolean"}),
    "boolean": frozenset({"bigint", "decimal", "double", "varchar"}),
    "decimal": frozenset({"bigint", "double", "varchar"}),
    "date": frozenset({"timestamp", "varchar"}),
    "timestamp": frozenset({"date", "timestamptz"}),
    "timestamptz": frozenset({"timestamp", "date"}),
}
"""Casts whose results are the same on both engines. Trino writes doubles and times as other texts than DuckDB."""

NAMES = frozenset(
    re.findall(
        r"\w+",
        "length lower upper substr substring replace strpos position starts_with split_part split regexp_like "
        "regexp_extract regexp_replace to_utf8 to_hex md5 cardinality element_at contains concat coalesce "
        "nullif if greatest least abs round ceil ceiling floor sqrt ln exp pow power log log2 log10 mod "
        "date_trunc date_diff date_add date_parse date_format to_unixtime date year quarter month week "
        "week_of_year day day_of_month day_of_year doy day_of_week dow year_of_week hour minute second "
        "extract now current_timestamp localtimestamp count count_if sum avg stddev stddev_samp variance "
        "var_samp min max any_value arbitrary min_by max_by bool_and bool_or approx_distinct "
        "approx_percentile rand random row_number rank dense_rank percent_rank cume_dist ntile first_value "
        "last_value nth_value lag lead grouping cast try_cast",
    )
)
"""The names, in lower case, under which Trino has these functions."""

TRUNCATED = frozenset({"SECOND", "MINUTE", "HOUR", "DAY", "WEEK", "MONTH", "QUARTER", "YEAR"})
EXACT = frozenset({"MILLISECOND", "SECOND", "MINUTE", "HOUR", "DAY", "WEEK"})
"""Units of one length. A month's end is counted in other ways."""
FIELDS = frozenset(
    re.findall(
        r"\w+",
        "YEAR QUARTER MONTH WEEK DAY DAY_OF_MONTH DAY_OF_WEEK DOW DAY_OF_YEAR DOY YEAR_OF_WEEK YOW HOUR MINUTE SECOND",
    )
)
UNITS: Mapping[type[exp.Expr], frozenset[str]] = {
    exp.TimestampTrunc: TRUNCATED,
    exp.DateDiff: EXACT,
    exp.DateAdd: EXACT | {"MONTH", "YEAR"},
    exp.Extract: FIELDS,
}
"""The units or fields of each function that has one."""

UNREPEATABLE = frozenset(
    re.findall(
        r"\w+",
        "random rand uuid shuffle now current_timestamp current_date current_time localtime localtimestamp "
        "tablesample limit fetch offset any_value arbitrary array_agg listagg map_agg multimap_agg min_by "
        "max_by row_number ntile lag lead first_value last_value nth_value approx_distinct approx_percentile "
        "approx_set approx_most_frequent checksum tdigest_agg qdigest_agg numeric_histogram current_user",
    )
)
"""Words, in lower case, whose value may be another one when the same query runs again over the same rows."""
