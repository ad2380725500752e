"""Athena of ministack 1.5.33: tables, SQL, results, parameters, and the rights of the caller."""

import json
import logging
import time
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any
from urllib.parse import urlsplit

from ministack.core.responses import error_response_json
from ministack.services import athena, s3

from local.athena import access, dialect, engine
from local.replacing import replacing

_LIMIT = "Bytes scanned limit was exceeded"
_scanned: ContextVar[int] = ContextVar("scanned", default=0)


def apply() -> None:
    """Apply the patches of this module."""
    write_results_as_athena()
    read_tables_as_declared()
    ask_for_the_callers_rights()
    take_parameters()
    keep_to_the_workgroup()
    stop_for_good()


def read_tables_as_declared() -> None:
    """Symptom: a table of symlinks gives the lines of symlink.txt as rows, or fails; ORC fails, as does much SQL.

    Partitions are taken from the folders whether registered, projected or neither, functions that Athena and DuckDB
    name alike differ (``date_diff``, ``split_part``, ``format``), the bytes scanned are those of the result.
    Mends (1.5.33): queries run by :mod:`local.athena.engine`; other statements as before.
    https://docs.aws.amazon.com/athena/latest/ug/partition-projection.html
    """
    logging.getLogger("sqlglot").setLevel(logging.ERROR)  # it warns about each unchanged statement

    @replacing(athena, "_run_duckdb")
    async def run(original: Any, query: str, database: str, catalog: str | None = None) -> Any:
        _scanned.set(0)
        statement = dialect.parse(query)
        if not engine.serves(statement):
            return await original(query, database, catalog)
        answer, scanned = await engine.run(statement, database)
        _scanned.set(scanned)
        return answer

    @replacing(athena, "_save_query_results")
    async def save(original: Any, query_id: str) -> None:
        athena._executions[query_id]["Statistics"]["DataScannedInBytes"] = _scanned.get()
        await original(query_id)


def ask_for_the_callers_rights() -> None:
    """Symptom: who may start a query reads any table, any bucket, and writes results anywhere.

    Mends (1.5.33): a query fails with AWS's reason unless its caller may read the table in Glue and the objects in S3
    (asked where they are read), ask where the results' bucket is, write the results, and, to page through them, read
    them.
    https://docs.aws.amazon.com/athena/latest/ug/fine-grained-access-to-glue-resources.html
    """

    @replacing(athena, "_start_query_execution")
    def start(original: Any, data: Any) -> Any:
        location = _location(data)
        return _refused(lambda: access.require_output_bucket(location) if location else None) or original(data)

    @replacing(athena, "_execute_query")
    async def execute(original: Any, query_id: str, *arguments: Any) -> None:
        execution = athena._executions[query_id]
        try:
            access.require_write(execution["ResultConfiguration"]["OutputLocation"])
        except access.Denied as error:
            execution["Status"].update(
                State="FAILED", StateChangeReason=str(error), CompletionDateTime=int(time.time())
            )
            return
        await original(query_id, *arguments)

    @replacing(athena, "_get_query_results")
    def results(original: Any, data: Any) -> Any:
        known = athena._executions.get(data.get("QueryExecutionId"))
        if known is None:
            return original(data)
        where = urlsplit(known["ResultConfiguration"]["OutputLocation"])
        return _refused(lambda: access.require_read(where.netloc, where.path[1:])) or original(data)


def take_parameters() -> None:
    """Symptom: ``ExecutionParameters`` are ignored, and the question marks in the query are DuckDB's to complain of.

    Mends (1.5.33): they are put in, each the literal that SQL writes; the execution shows the query as it was given.
    https://docs.aws.amazon.com/athena/latest/APIReference/API_StartQueryExecution.html
    """

    @replacing(athena, "_start_query_execution")
    def start(original: Any, data: Any) -> Any:
        parameters = data.get("ExecutionParameters")
        if not parameters:
            return original(data)
        try:
            query = dialect.fill(data.get("QueryString", ""), parameters)
        except dialect.Mistake as error:
            return error_response_json("InvalidRequestException", str(error), 400)
        answer = original({**data, "QueryString": query})
        if answer[0] == 200:
            execution = athena._executions[json.loads(answer[2])["QueryExecutionId"]]
            execution.update(Query=data["QueryString"], ExecutionParameters=parameters)
        return answer


def write_results_as_athena() -> None:
    r"""Symptom: the result is written at ``ID.csv/ID.csv``, quoted only where it must be, with ``\r\n``.

    Mends (1.5.33): the result is at the execution's OutputLocation, every field quoted but NULL, with ``\n``.
    https://docs.aws.amazon.com/athena/latest/ug/querying-finding-output-files.html
    """

    @replacing(athena, "_save_query_results")
    async def save(original: Any, query_id: str) -> None:
        execution = athena._executions[query_id]
        answer = execution["_results"]
        lines = "".join(",".join(map(_quoted, row)) + "\n" for row in [answer["columns"], *answer["rows"]])
        where = urlsplit(execution["ResultConfiguration"]["OutputLocation"])
        types = ",".join(answer["columns"]) + "\n" + ",".join(execution["_column_types"])
        for key, body in ((where.path[1:], lines), (f"{where.path[1:]}.metadata", types)):
            status, _, problem = s3._put_object(where.netloc, key, body.encode(), {"content-type": "text/csv"})
            if status != 200:
                raise RuntimeError(f"Unable to write results to s3://{where.netloc}/{key}: {problem.decode()}")


def keep_to_the_workgroup() -> None:
    """Symptom: a caller's output location is used though the workgroup enforces its own; nothing limits a scan.

    Mends (1.5.33): the enforced location is the workgroup's, a slash goes between it and the query's id; a query that
    scans more than the limit is cancelled.
    https://docs.aws.amazon.com/athena/latest/ug/workgroups-settings-override.html
    https://docs.aws.amazon.com/athena/latest/ug/workgroups-setting-control-limits-cloudwatch.html
    """

    @replacing(athena, "_start_query_execution")
    def start(original: Any, data: Any) -> Any:
        location = _location(data)
        if location:
            data = {**data, "ResultConfiguration": {**data.get("ResultConfiguration", {}), "OutputLocation": location}}
        return original(data)

    @replacing(athena, "_save_query_results")
    async def save(original: Any, query_id: str) -> None:
        limit = _workgroup(athena._executions[query_id]).get("BytesScannedCutoffPerQuery")
        if limit and _scanned.get() > int(limit):
            raise RuntimeError(_LIMIT)
        await original(query_id)

    @replacing(athena, "_execute_query")
    async def execute(original: Any, query_id: str, *arguments: Any) -> None:
        await original(query_id, *arguments)
        execution = athena._executions[query_id]
        if execution["_error"] == _LIMIT:
            execution["Status"]["State"] = "CANCELLED"


def stop_for_good() -> None:
    """Symptom: a query that was stopped runs on, for hours if it takes hours, and then has SUCCEEDED or FAILED.

    Mends (1.5.33): StopQueryExecution ends its work, and it stays CANCELLED.
    https://docs.aws.amazon.com/athena/latest/APIReference/API_StopQueryExecution.html
    """

    @replacing(athena, "_execute_query")
    async def execute(original: Any, query: str, *rest: Any, **named: Any) -> None:
        engine.query_id.set(query)
        await original(query, *rest, **named)
        if query in stopped:
            reason = "Query was cancelled by user"
            athena._executions[query]["Status"].update(State="CANCELLED", StateChangeReason=reason)

    stopped = set()

    @replacing(athena, "_stop_query_execution")
    def stop(original: Any, data: Any) -> Any:
        query = data.get("QueryExecutionId")
        status = (athena._executions.get(query) or {}).get("Status", {})
        if status.get("State") in {"QUEUED", "RUNNING"}:
            stopped.add(query)
            engine.stop(query)
        return original(data)


def _location(data: Any) -> str:
    """The folder of a query's results, its slash at the end; empty if nobody names one."""
    workgroup = _workgroup(data)
    own = (workgroup.get("ResultConfiguration") or {}).get("OutputLocation")
    asked = (data.get("ResultConfiguration") or {}).get("OutputLocation")
    enforced = str(workgroup.get("EnforceWorkGroupConfiguration", "")).lower() == "true"
    location = (own if enforced else asked) or own or asked
    return f"{location.rstrip('/')}/" if location else ""


def _workgroup(data: Any) -> Any:
    """The configuration of the workgroup of a request or an execution."""
    return (athena._workgroups.get(data.get("WorkGroup", "primary")) or {}).get("Configuration") or {}


def _refused(ask: Callable[[], object]) -> Any:
    try:
        ask()
    except access.Denied as error:
        return error_response_json("InvalidRequestException", str(error), 400)
    return None


def _quoted(value: Any) -> str:
    text = dialect.written(value)
    return "" if text is None else '"' + text.replace('"', '""') + '"'
