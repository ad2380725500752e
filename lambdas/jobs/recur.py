"""The recurring jobs: made when a delivery has been summarized, or by the clock; settled when their jobs end.

The events: "Inventory Summarized" of ``lambdas/inventory/arrived.py``; ``{"recurring": NAME}`` of a schedule; S3's job
events. Its role needs, on the reports bucket Get of deliveries, ``queries/*`` and ``manifests/*``, Put of the
latter two, ``s3:ListBucket`` and ``s3:GetBucketLocation``; Get and Put of ``recurring/*`` on the state; of Athena and
Glue what a query takes; ``s3:CreateJob``, ``s3:PutJobTagging``, ``s3:DescribeJob``, and to pass the one role of jobs;
``sns:Publish`` to the topic, which is notified when a job waits.
"""

import functools
import os
from typing import Any

import msgspec
from aws_lambda_powertools.utilities.typing import LambdaContext

from brigade.aws import Connection
from brigade.inventory.delivery.deliveries import open_latest_delivery
from brigade.jobs.athena_manifest import AthenaTable
from brigade.jobs.client import JobsClient
from brigade.jobs.recurrence import Recurrence, RecurrenceState
from brigade.jobs.request import JobPlan
from brigade.operations.operation import PriceClass
from brigade.operations.recurring import Recurring
from brigade.state import State
from lambdas.batch_operations.recurring import RECURRING
from lambdas.jobs.environment import RecurEnvironment
from lambdas.logs import masking_errors, masking_logger

logger = masking_logger()


class _Size(msgspec.Struct, frozen=True):
    """The fields of an operation that its price depends on. The stack passes them: the operation's code is not here."""

    memory_mib: int
    price: PriceClass


@masking_errors
@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Return the stored state of each recurring job that the event is about, by name.

    Raises as `Recurrence.arrive`, after all jobs have been handled. Lambda then retries twice.
    """
    done: dict[str, RecurrenceState] = {}
    failure: Exception | None = None
    environment = RecurEnvironment.read(os.environ)
    for name in _meant(event):
        recurrence = _recurrence(environment, name, RECURRING[name])
        try:
            done[name] = _take(recurrence, event, environment)
        except Exception as error:  # one job's trouble is not the others'
            logger.exception("failed", extra={"recurring": name})
            failure = error
    if failure:
        raise failure
    document: dict[str, Any] = msgspec.to_builtins(done)
    logger.info("taken", extra={"recurring": document})
    return document


def _meant(event: dict[str, Any]) -> list[str]:
    if "recurring" in event:
        return [event["recurring"]]
    ended = "serviceEventDetails" in event["detail"]
    return [name for name, declared in RECURRING.items() if ended or declared.schedule is None]


def _take(recurrence: Recurrence, event: dict[str, Any], environment: RecurEnvironment) -> RecurrenceState:
    if "recurring" in event:
        delivery = open_latest_delivery(
            recurrence.s3,
            environment.reports_bucket,
            environment.inventory_prefix,
            environment.lake_bucket,
            environment.inventory_id,
        )
        return recurrence.arrive(delivery.uri)
    detail = event["detail"]
    if "serviceEventDetails" in detail:
        return recurrence.end(detail["serviceEventDetails"]["jobId"])
    return recurrence.arrive(detail["delivery"])


def _recurrence(environment: RecurEnvironment, name: str, declared: Recurring) -> Recurrence:
    s3 = _client("s3")
    sizes = msgspec.json.decode(environment.operations, type=dict[str, _Size])
    plan = JobPlan(
        stage=environment.stage,
        operation=declared.operation,
        function_arn=f"{environment.operation_arn}{declared.operation}",
        arguments=declared.arguments,
        what="",
        bucket=environment.lake_bucket,
        reports=environment.reports_bucket,
        role_arn=environment.job_role,
    )
    athena = AthenaTable(
        _client("athena"), _client("glue"), environment.workgroup, environment.database, environment.table
    )
    return Recurrence(
        name=name,
        declared=declared,
        size=sizes[declared.operation],
        plan=plan,
        control=JobsClient(_client("s3control"), plan.role_arn.split(":")[4]),
        s3=s3,
        state=State(s3, environment.state_bucket),
        athena=athena,
        tell=functools.partial(_notify, environment.alarm_topic),
    )


def _notify(topic: str, subject: str, text: str) -> None:
    _client("sns").publish(TopicArn=topic, Subject=subject, Message=text)


@functools.cache
def _client(service: str) -> Any:
    return Connection().client(service)
