"""The ingest function: one invocation of one source, named in its environment (`lambdas/ingest/environment.py`).

The permissions of its role, and the calls that need them. On the lake, keys `<prefix>/<source>/*`:

- `s3:PutObject`: PutObject, CreateMultipartUpload, UploadPart, CompleteMultipartUpload
- `s3:GetObject`: HeadObject (is the date published, and by which run), GetObject (the SHA-256 of a resumed object)
- `s3:AbortMultipartUpload`: AbortMultipartUpload

On the state bucket, keys `ingest/<source>/*` (checkpoints, staged objects, partitions, and of an
incremental source the read windows, the active date and the records to leave out), `receipts/<source>/*` and
`quarantine/<source>/*`: `s3:GetObject` and `s3:PutObject`; `s3:DeleteObject` on the first only.

On the buckets themselves: `s3:ListBucket` on both, without which S3 answers 403 rather than 404 for a key that is
absent, so that "not published yet" would look like "not allowed"; `s3:ListBucketMultipartUploads` on the lake,
to abort uploads of killed runs. They have no condition on a prefix, because HeadObject has none.

A source with credentials: `secretsmanager:GetSecretValue` or `ssm:GetParameter` on what it names.

Lambda's own active tracing records each invocation, and each stage of a run is a subsegment of it, sent by
`lambdas.trace`: Powertools' Tracer would load X-Ray's SDK into every cold start.
"""

import functools
import importlib
import os
from typing import Any

import msgspec
from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from brigade.aws import Connection
from brigade.errors import UsageError
from brigade.ingest.clock import Timing
from brigade.ingest.declare.dates import resolve_date
from brigade.ingest.declare.source import BaseSource
from brigade.ingest.declare.target import Target
from brigade.ingest.partitions import Partitions, PendingPartitions
from brigade.ingest.read.reader import ReaderFactory, ReaderSetup, open_reader
from brigade.ingest.run import Run
from brigade.ingest.state.run_result import RunResult
from brigade.state import State
from lambdas import trace
from lambdas.ingest.environment import IngestEnvironment
from lambdas.logs import masking_errors, masking_logger
from lambdas.memory import peak_mib

logger = masking_logger()
metrics = Metrics()


@masking_errors
@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Ingest the date of the event, as far as the time allows, and return the result.

    If the `outcome` is `more`, or `wait` and its `until` is over, invoke the function again with the returned date and
    `replace`. If it is `partitions`, invoke it with the date and each returned name as `partition`, then with the date
    alone.

    Args:
        event: `{"date": "YYYY-MM-DD"}`, with `"replace": true` to replace a published date. Or `{"scheduled": INSTANT}`
            (ISO 8601) or `{}` for the day of that instant, or today, in the time zone of the source. Or one of these as
            `event` beside `execution`, the holder of the lease, which never has two concurrent invocations.
        context: Lambda's context.

    Raises:
        BrigadeError: As in `Run`. Nothing is published.
    """
    setup = _setup()
    holder = context.aws_request_id
    if isinstance(event, dict) and "execution" in event:  # the state machine sends this form
        holder, event = event["execution"], event.get("event", {})
    if not isinstance(event, dict) or event.keys() - {"date", "scheduled", "replace", "partition"}:
        raise UsageError('the event takes {"date": "YYYY-MM-DD"} or {"scheduled": "<ISO 8601 instant>"} or {}')
    replace = event.get("replace", False)
    if not isinstance(replace, bool) or (replace and "date" not in event):
        raise UsageError('"replace" takes true or false, and true only beside a date')
    partition = event.get("partition")
    if partition is not None and (not isinstance(partition, str) or "date" not in event):
        raise UsageError('"partition" takes the name of a partition, beside a date')
    date = resolve_date(date=event.get("date"), scheduled=event.get("scheduled"), time_zone=setup.source.time_zone)
    timing = Timing()
    try:
        outcome = setup.run(date, context, holder, timing, replace=replace, partition=partition)
    finally:
        for name, stage in timing.stages.items():
            trace.send(name, stage.began, stage.ended, source=setup.name, date=date, seconds=round(stage.seconds, 3))
            metrics.add_metric(f"{name.capitalize()}Seconds", MetricUnit.Seconds, stage.seconds)
        _measure_memory(context)
    if isinstance(outcome, RunResult):
        _measure(outcome, whole=partition is None, read=partition is not None or setup.source.partitions == 1)
        for line in outcome.drift:
            logger.warning("drift: %s", line)
    logger.info("%s", outcome.outcome, extra=msgspec.to_builtins(outcome))
    answer: dict[str, Any] = msgspec.to_builtins(outcome)
    return answer


class _Setup(msgspec.Struct, frozen=True):
    name: str
    source: BaseSource
    s3: Any
    lake: str
    state: str
    reader: ReaderFactory

    def run(
        self,
        date: str,
        context: LambdaContext,
        holder: str,
        timing: Timing,
        *,
        replace: bool,
        partition: str | None,
    ) -> RunResult | PendingPartitions:
        def remaining() -> float:
            return context.get_remaining_time_in_millis() / 1000

        target, api = Target.of(self.source, self.name, date, self.lake, self.state), self.reader(remaining, date)
        if partition is not None or (self.source.partitions > 1 and not replace):
            partitions = Partitions(self.source, target, api, self.s3)
            if partition is None:
                return partitions()
            target, api = partitions.open_partition(partition)
        return Run(
            source=self.source,
            target=target,
            api=api,
            s3=self.s3,
            remaining=remaining,
            say=logger.info,
            holder=holder,
            timing=timing,
            replace=replace,
        )()


@functools.cache
def _setup() -> _Setup:
    """Read the environment and create the clients, once per process."""
    environment = IngestEnvironment.read(os.environ)
    source = importlib.import_module(f"lambdas.ingest.sources.{environment.source}").SOURCE
    connection = Connection()
    s3 = connection.client("s3")
    reader_setup = ReaderSetup(
        name=environment.source,
        url=environment.base_url,
        client=connection.client,
        state=State(s3, environment.state_bucket),
    )
    return _Setup(
        name=environment.source,
        source=source,
        s3=s3,
        lake=environment.lake_bucket,
        state=environment.state_bucket,
        reader=open_reader(source, reader_setup),
    )


def _measure_memory(context: LambdaContext) -> None:
    peak = peak_mib()
    metrics.add_metric("MemoryPeak", MetricUnit.Megabytes, peak)
    metrics.add_metric("MemoryUsedPercent", MetricUnit.Percent, 100 * peak / int(context.memory_limit_in_mb))


def _measure(outcome: RunResult, *, whole: bool, read: bool) -> None:
    """Count a date when it is complete, and its records where they are read, which may be in partitions."""
    if whole and outcome.outcome in ("published", "already_published"):
        metrics.add_metric("Published", MetricUnit.Count, 1)
    if whole and outcome.outcome == "published":
        metrics.add_metric("Drift", MetricUnit.Count, len(outcome.drift))
    if read and outcome.outcome == "published":
        records, plain = outcome.records or 0, outcome.plain_bytes or 0
        metrics.add_metric("BytesIn", MetricUnit.Bytes, outcome.bytes_in or 0)
        metrics.add_metric("Quarantined", MetricUnit.Count, outcome.broken or 0)
        metrics.add_metric("Retries", MetricUnit.Count, outcome.retries or 0)
        metrics.add_metric("WaitSeconds", MetricUnit.Seconds, outcome.waited_s or 0)
        metrics.add_metric("WidestRecord", MetricUnit.Bytes, outcome.widest or 0)
        metrics.add_metric("Records", MetricUnit.Count, records)
        metrics.add_metric("Pages", MetricUnit.Count, outcome.pages or 0)
        metrics.add_metric("BytesOut", MetricUnit.Bytes, outcome.bytes or 0)
        metrics.add_metric("RecordBytes", MetricUnit.Bytes, plain / records if records else 0)
        metrics.add_metric("Seconds", MetricUnit.Seconds, outcome.seconds or 0)
