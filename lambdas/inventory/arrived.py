"""A delivery has arrived: prove it, count its objects on Athena, keep the figures, measure, and notify the event bus.

EventBridge invokes it with S3's "Object Created" of a ``manifest.checksum``, which S3 writes last. What follows an
inventory, such as a job every month, is a rule on the event that it sends: source ``brigade.<stage>``, detail type
``Inventory Summarized``, the summary as its detail.

What its role needs: on the reports bucket ``s3:GetObject`` of deliveries and ``s3:ListBucket``, and for Athena, which
reads and writes as this function, ``s3:GetBucketLocation`` and Get and Put of ``queries/*``; the query's own actions on
the workgroup, ``glue:GetTable`` and ``glue:GetDatabase``; on the state, ``inventory/*``; ``events:PutEvents``. To say
where the table's data is, ``glue:UpdateTable``, and ALTER on the table where Lake Formation governs the catalog.
"""

import functools
import os
from typing import Any

import msgspec
from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import ClientError

from brigade.aws import Connection
from brigade.catalog import table
from brigade.errors import RetryLater
from brigade.inventory.delivery.deliveries import open_delivery
from brigade.inventory.delivery.summary import SQL, store_summary, summarize
from brigade.inventory.setup.glue_table import set_location
from brigade.inventory.sql import athena
from brigade.names import INVENTORY_SUMMARIZED, event_source
from brigade.state import State
from lambdas.inventory.environment import DeliveryEnvironment
from lambdas.logs import masking_errors, masking_logger

logger = masking_logger()
metrics = Metrics()


@masking_errors
@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Summarize the delivery whose `manifest.checksum` the event names, and return the summary.

    The same event again returns the same summary. After an error nothing is stored, and Lambda retries twice.

    Raises:
        NotFound, InvalidData: The delivery is incomplete, or Athena's counts contradict its manifest.
        UsageError: Athena would not read exactly this delivery by the table.
        BrigadeError: The query failed.
        RetryLater: EventBridge did not accept the event. Without it no recurring job would start.
    """
    detail = event["detail"]
    bucket, key = detail["bucket"]["name"], detail["object"]["key"]
    delivery = open_delivery(_client("s3"), f"s3://{bucket}/{key.rpartition('/')[0]}/manifest.json")
    environment = DeliveryEnvironment.read(os.environ)
    source, database = delivery.manifest.source_bucket, environment.database
    name = table(None if source == environment.lake_bucket else source)
    _locate(database, name)
    statement = athena.build_statement(_client("glue"), database, name, SQL, [delivery])
    answer = athena.query(_client("athena"), environment.workgroup, database, statement)
    summary = store_summary(State(_client("s3"), environment.state_bucket), summarize(delivery, list(answer.rows)))
    metrics.add_dimension("table", name)  # so that each bucket has an alarm of its own
    for metric, unit, value in (
        ("Delivered", MetricUnit.Count, 1),
        ("Objects", MetricUnit.Count, summary.objects),
        ("Bytes", MetricUnit.Bytes, summary.bytes),
    ):
        metrics.add_metric(metric, unit, value)
    document: dict[str, Any] = msgspec.to_builtins(summary)
    sent = {
        "Source": event_source(environment.stage),
        "DetailType": INVENTORY_SUMMARIZED,
        "Detail": msgspec.json.encode(summary).decode(),
    }
    _send(sent)
    logger.info("summarized", extra={"summary": document})
    return document


def _send(entry: dict[str, str]) -> None:
    """Send one event to the event bus. Raises RetryLater unless EventBridge accepts it: refused, it answers 200 too.

    Source: https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html (FailedEntryCount)
    """
    answer = _client("events").put_events(Entries=[entry])
    (result,) = answer["Entries"]
    if answer["FailedEntryCount"] or not result.get("EventId"):
        code, message = result.get("ErrorCode", "no code"), result.get("ErrorMessage", "no reason")
        raise RetryLater(f"EventBridge did not accept the event {entry['DetailType']!r} ({code}): {message}")


def _locate(database: str, name: str) -> None:
    """Write the location of its data into the table before it is read.

    It is done with each delivery, before which there is nothing to read, since a deployment that changes the table
    takes it away. The table's own location holds the data too: a refusal is only logged, and the summary is written.
    """
    try:
        if set_location(_client("glue"), database, name):
            logger.info("located", extra={"table": name})
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("AccessDeniedException", "ConcurrentModificationException"):
            raise
        logger.warning("not located", extra={"table": name, "refused": str(error)})


@functools.cache
def _client(service: str) -> Any:
    return Connection().client(service)
