"""SQL over deliveries on Athena: the same table `inventory`, made of the stage's Glue table in any format."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from brigade.errors import BrigadeError, UsageError
from brigade.inventory.delivery.deliveries import Delivery
from brigade.inventory.sql import athena_table, dialect

if TYPE_CHECKING:
    from types_boto3_athena import AthenaClient
    from types_boto3_glue import GlueClient

DOLLARS_PER_TB = 5.00
"""Athena's price for SQL, each query at least 10 MB (aws.amazon.com/athena/pricing, us-east-1)."""

_LEAST = 10_000_000
_WAITS = (0.1, 0.2, 0.3, 0.5, 1.0)  # seconds between looks, the last one over and over


@dataclass(frozen=True)
class AthenaResult:
    """The result of a query on Athena. `rows` can be iterated once and reads page by page."""

    id: str
    columns: tuple[str, ...]
    rows: Iterator[tuple[Any, ...]]
    scanned: int
    """Bytes."""

    @property
    def dollars(self) -> float:
        """The price at ``DOLLARS_PER_TB``, before any discount."""
        return max(self.scanned, _LEAST) / 1e12 * DOLLARS_PER_TB


def build_statement(glue: "GlueClient", database: str, table: str, sql: str, deliveries: Sequence[Delivery]) -> str:
    """Return ``sql``, a SELECT over ``inventory``, as Athena runs it over the Glue table ``database.table``.

    ``inventory`` has the columns of the table with the types that they have on this machine: CSV's texts become
    integers, booleans and times, its keys are decoded, and empty is null. It holds the rows of ``deliveries`` alone.
    The text of the query stays as it is.

    Args:
        deliveries: At least one; each has to be one that Athena reads by this table (``Table.require_readable``).

    Raises:
        UsageError: The query is no SELECT over ``inventory``, or Athena would read another thing than a delivery.
        NotFound: There is no such table.
    """
    dialect.parse_query(sql)
    found = athena_table.find_table(glue, database, table)
    for delivery in deliveries:
        found.require_readable(delivery)
    named = ", ".join(f"'{delivery.partition}'" for delivery in deliveries)
    if not named:
        raise UsageError("a query on Athena needs a delivery, and there is none: pass at least one")
    expressions = ", ".join([*found.expressions(), '"dt"'])
    select = f'SELECT {expressions} FROM "{database}"."{table}" WHERE "dt" IN ({named})'  # noqa: S608 - our own names
    return dialect.with_table(sql, [*found.columns, "dt"], select)


def query(
    athena: "AthenaClient",
    workgroup: str,
    database: str,
    sql: str,
    looked: Callable[[str, int], None] = lambda state, scanned: None,
) -> AthenaResult:
    """Run `sql` unchanged in `workgroup`, wait for its end, and return its rows as Python values.

    An interrupt cancels the query, which is charged for the bytes read until then.

    Args:
        looked: Called with the state and the bytes scanned at each poll.

    Raises:
        BrigadeError: The query failed or was cancelled, with Athena's reason and the query's id, or AWS refused the
            call.
    """
    execution = execute(athena, workgroup, database, sql, looked)
    id = str(execution["QueryExecutionId"])
    try:
        page = athena.get_query_results(QueryExecutionId=id, MaxResults=1000)
    except ClientError as error:
        raise athena_table.translate_error(error, f"the query in workgroup {workgroup}") from error
    columns = page["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]
    return AthenaResult(
        id=id,
        columns=tuple(column["Name"] for column in columns),
        rows=_rows(athena, id, page, [column["Type"] for column in columns]),
        scanned=int(execution.get("Statistics", {}).get("DataScannedInBytes", 0)),
    )


def execute(
    athena: "AthenaClient",
    workgroup: str,
    database: str,
    sql: str,
    looked: Callable[[str, int], None] = lambda state, scanned: None,
) -> Mapping[str, Any]:
    """Run a statement without rows, such as UNLOAD, to its end and return Athena's description of the execution.

    The arguments, the interrupt and the errors are those of `query`.
    """
    try:
        id = athena.start_query_execution(
            QueryString=sql, WorkGroup=workgroup, QueryExecutionContext={"Database": database}
        )["QueryExecutionId"]
        execution: Mapping[str, Any] = _finished(athena, id, looked)
    except ClientError as error:
        raise athena_table.translate_error(error, f"the query in workgroup {workgroup}") from error
    state = execution["Status"]["State"]
    if state != "SUCCEEDED":
        reason = execution["Status"].get("StateChangeReason", "Athena returned no reason")
        raise BrigadeError(f"the query {id} ended {state} on Athena: {reason}")
    return execution


def _finished(athena: "AthenaClient", id: str, looked: Callable[[str, int], None]) -> Any:
    looks = 0
    try:
        while True:
            execution = athena.get_query_execution(QueryExecutionId=id)["QueryExecution"]
            looked(execution["Status"]["State"], int(execution.get("Statistics", {}).get("DataScannedInBytes", 0)))
            if execution["Status"]["State"] not in ("QUEUED", "RUNNING"):
                return execution
            time.sleep(_WAITS[min(looks, len(_WAITS) - 1)])
            looks += 1
    except (KeyboardInterrupt, SystemExit):
        athena.stop_query_execution(QueryExecutionId=id)
        raise


def _rows(athena: "AthenaClient", id: str, page: Any, types: list[str]) -> Iterator[tuple[Any, ...]]:
    readers = [_READERS.get(kind, str) for kind in types]
    rows = page["ResultSet"]["Rows"][1:]  # the first row of a SELECT's first page is the header
    while True:
        for row in rows:
            values = (datum.get("VarCharValue") for datum in row["Data"])
            yield tuple(None if value is None else read(value) for value, read in zip(values, readers, strict=True))
        if "NextToken" not in page:
            return
        try:
            page = athena.get_query_results(QueryExecutionId=id, NextToken=page["NextToken"], MaxResults=1000)
        except ClientError as error:
            raise athena_table.translate_error(error, f"the rows of the query {id}") from error
        rows = page["ResultSet"]["Rows"]


def _decimal(value: str) -> int | Decimal:
    number = Decimal(value)
    return int(number) if number == number.to_integral_value() else number


_READERS: Mapping[str, Callable[[str], Any]] = {
    **dict.fromkeys(("tinyint", "smallint", "integer", "bigint"), int),
    **dict.fromkeys(("float", "real", "double"), float),
    "boolean": lambda value: value == "true",
    "decimal": _decimal,
    "date": date.fromisoformat,
    "timestamp": datetime.fromisoformat,
}
