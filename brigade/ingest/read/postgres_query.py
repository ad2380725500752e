"""The SQL of the table reader: the rows after a key, and the last value of a growing column."""

import logging

import msgspec
import psycopg
from psycopg import sql

from brigade.database.order import KeyColumn, behind
from brigade.errors import InvalidData, SettingsError
from brigade.ingest.declare.table_source import TableSource
from brigade.ingest.declare.target import Target
from brigade.ingest.read.deduplicate import MOST, too_many
from brigade.ingest.read.reader import PAGE_LIMIT
from brigade.ingest.state.position import ReadWindow

_DATE, _TIMESTAMP, _TIMESTAMPTZ = 1082, 1114, 1184
_FLOATS = (700, 701, 1700)
_MICROSECONDS = 6
_DIGITS = range(_MICROSECONDS)
# The zone of the session before this transaction set its own: the role's, the database's or the server's.
_ZONE = sql.SQL("(SELECT reset_val FROM pg_settings WHERE name = 'TimeZone')")
# Local time goes back when daylight saving time ends. The least value of the next three hours is not followed by a
# lesser one.
_LOCAL = sql.SQL("(SELECT min(({} + i * interval '1 minute') AT TIME ZONE {}) FROM generate_series(0, 180) AS i)")
logger = logging.getLogger(__name__)


def select_rows(
    relation: sql.Composable,
    order: tuple[KeyColumn, ...],
    cursor: str | None,
    window: ReadWindow | None,
    span: tuple[str | None, str | None],
    *,
    again: bool = False,
) -> sql.Composed:
    """Return the query for the rows of the window and of the span after the key, sorted by it.

    A row has two columns of JSON. The first has the values of the key as text in the first row of each key, and null in
    the others. The second has the row, or only its size in bytes if it is larger than a page may be.

    Args:
        cursor: The key after which the rows start, as the query wrote it; None: at the first row.
        span: The first column is after the first value, and not after the second. None is no limit.
        again: Whether the rows at the start of the window are included.
    """
    wanted: list[sql.Composable] = []
    if window and window.until is None:
        wanted.append(sql.SQL("false"))
    elif window and window.until is not None:
        wanted.append(order[0].at_most(order[0].literal(window.until)))
    if window and window.after is not None:
        wanted.append(from_position(order[0], window.after, again=again))
    if span[0] is not None:
        wanted.append(order[0].behind(order[0].literal(span[0])))
    if span[1] is not None:
        wanted.append(order[0].at_most(order[0].literal(span[1])))
    if cursor is not None:
        wanted.append(behind(order, msgspec.json.decode(cursor, type=list[str])))
    inner = sql.SQL("SELECT {} AS key, row_to_json(brigade.*) AS line FROM {} AS brigade{}{}")
    # OFFSET 0 keeps the two SELECTs apart, so that each row is made JSON once.
    query = sql.SQL(
        "SELECT key, CASE WHEN pg_column_size(line) - 4 <= {} THEN line ELSE to_json(pg_column_size(line) - 4) END"
        " FROM ({} OFFSET 0) AS page"
    )
    return query.format(PAGE_LIMIT, inner.format(_key(order), relation, conditions(*wanted), _sorted(order)))


def probe_key(relation: sql.Composable, key: KeyColumn) -> sql.Composed:
    """Return a statement that fails if no page can start after a value of the key. It reads no row."""
    query = sql.SQL("SELECT CAST({0} AS text) FROM {1} AS brigade WHERE {2} ORDER BY {0} LIMIT 0")
    return query.format(key.column, relation, key.behind(key.literal(None)))


def newest_value(
    connection: "psycopg.Connection[object]",
    relation: sql.Composable,
    source: TableSource,
    since: KeyColumn,
    after: str | None,
) -> str | None:
    """Return the last value of `since` in the snapshot, as its JSON text: the end of a date.

    Values later than the server's clock less `lag_s` do not count. A value later than the clock itself logs a warning.

    Args:
        after: The start of the date.

    Raises:
        SettingsError: The column is no number, time or text. Or `lag_s` is set and the column is no time.
        InvalidData: The start is later than the server's clock, the last value is NaN or infinite, or too many rows
            have the last value.
    """
    clock, ceiling = _ceiling(source, since, 0.0), _ceiling(source, since, source.lag_s)
    if source.lag_s and ceiling is None:
        raise SettingsError(f"{source.address}: lag_s is set, and {source.since} is of type {since.kind}: no time")
    if clock is not None:
        _check_clock(connection, relation, source, since, after, clock)
    found = _last(
        connection,
        relation,
        since,
        *([from_position(since, after, again=source.rereads_last_value)] if after is not None else []),
        *([since.at_most(ceiling)] if ceiling is not None else []),
    )
    if found is None:
        return None
    value: object = msgspec.json.decode(found)
    if isinstance(value, list | dict | bool):
        raise SettingsError(f"{source.address}: {source.since} is of type {since.kind}; since takes a time or a number")
    text = value if isinstance(value, str) else found
    if since.oid in _FLOATS and text in ("NaN", "Infinity"):
        raise InvalidData(
            f"{source.address}: a row has {text} in {source.since}: no value can follow it; set a finite value"
        )
    if source.rereads_last_value:
        same = sql.SQL("SELECT count(*) FROM (SELECT FROM {} AS brigade WHERE {} LIMIT {}) AS same")
        query = same.format(relation, since.equal(since.literal(text)), MOST + 1)
        if connection.execute(query).fetchone() == (MOST + 1,):
            raise InvalidData(f"{source.address}: {too_many(text)}")
    return text


def from_position(since: KeyColumn, after: str, *, again: bool) -> sql.Composed:
    """Return the condition of the rows after `after`, or also at it if they are read `again`."""
    literal = since.literal(after)
    return since.at_least(literal) if again else since.behind(literal)


def conditions(*wanted: sql.Composable) -> sql.Composable:
    """Return the WHERE clause of the conditions; empty without any."""
    return sql.SQL(" WHERE ") + sql.SQL(" AND ").join(wanted) if wanted else sql.SQL("")


def _check_clock(
    connection: "psycopg.Connection[object]",
    relation: sql.Composable,
    source: TableSource,
    since: KeyColumn,
    after: str | None,
    clock: sql.Composable,
) -> None:
    if after is not None:
        late = sql.SQL("SELECT {} > {}").format(since.literal(after), clock)
        if connection.execute(late).fetchone() == (True,):
            raise InvalidData(
                f"{source.address}: the last published date ended at {after}, later than the server's clock, so that "
                "no new row would be read; correct `until` in that date's window (`brigade state get`, then `put`, "
                f"{Target('<source>', '<date>', lake='', state='').window})"
            )
    later = _last(connection, relation, since, since.behind(clock))
    if later is not None:
        logger.warning(
            "%s: a row has %s in %s, later than the server's clock: it is not read before that time",
            source.address,
            later,
            source.since,
        )


def _last(
    connection: "psycopg.Connection[object]", relation: sql.Composable, since: KeyColumn, *wanted: sql.Composable
) -> str | None:
    """Return the greatest value of the column under the conditions, as JSON."""
    query = sql.SQL("SELECT to_json({0})::text FROM {1} AS brigade{2} ORDER BY {0} DESC LIMIT 1")
    row: tuple[str] | None = connection.execute(  # type: ignore[assignment]  # it is the one column, of type text
        query.format(since.column, relation, conditions(*wanted))
    ).fetchone()
    return row[0] if row else None


def _ceiling(source: TableSource, since: KeyColumn, lag_s: float) -> sql.Composable | None:
    """Return the last value that is at least `lag_s` seconds old by the server's clock; None: the column is no time.

    With a lag, a value counts from the end of its unit: a day, or the last digit of a rounded second.
    """
    unit = 10.0**-since.modifier if lag_s and since.modifier in _DIGITS else 0.0
    instant = sql.SQL("(transaction_timestamp() - {} * interval '1 second')").format(lag_s + unit)
    local = _LOCAL.format(instant, _ZONE)
    if since.oid == _TIMESTAMPTZ:
        return instant
    if since.oid == _TIMESTAMP:
        return local
    if since.oid == _DATE:
        return sql.SQL("(CAST({} AS date) - {})").format(local, 1 if lag_s else 0)
    return None


def _key(order: tuple[KeyColumn, ...]) -> sql.Composable:
    """Return the SQL of the key in its first row. There, rank() equals row_number(); in later rows it does not."""
    if not order:
        return sql.SQL("NULL::json")
    texts = sql.SQL(", ").join(sql.SQL("CAST({} AS text)").format(each.column) for each in order)
    return sql.SQL("CASE WHEN rank() OVER key = row_number() OVER key THEN json_build_array({}) END").format(texts)


def _sorted(order: tuple[KeyColumn, ...]) -> sql.Composable:
    if not order:
        return sql.SQL("")
    names = sql.SQL(", ").join(each.column for each in order)
    return sql.SQL(" WINDOW key AS (ORDER BY {0}) ORDER BY {0}").format(names)
