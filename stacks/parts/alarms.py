"""The alarms: each is of something that a person must look at, and says in words what."""

from typing import Any

from aws_cdk import Aws, Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns
from constructs import Construct

from brigade.settings import Alarms
from stacks import names
from stacks.parts.inventory_table import NAME as LAKE
from stacks.parts.metrics import measured

_MINUTES = Duration.minutes(5)
_HOUR = Duration.hours(1)
_HOURS_WITHOUT = 26
"""A day and two hours: an ingest that starts each day at one time may take a while longer on one of them."""


class Alarm(cloudwatch.Alarm):
    """Tells a topic when the metric has been at ``threshold`` or over it for as many periods.

    ``below`` turns it round: it tells when the metric was under the threshold, or was silent, all that time.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        means: str,
        metric: cloudwatch.Metric,
        threshold: float,
        topic: sns.ITopic,
        periods: int = 1,
        below: bool = False,
    ) -> None:
        compare, silence = cloudwatch.ComparisonOperator, cloudwatch.TreatMissingData
        super().__init__(
            scope,
            construct_id,
            alarm_description=means,
            metric=metric,
            threshold=threshold,
            evaluation_periods=periods,
            comparison_operator=compare.LESS_THAN_THRESHOLD if below else compare.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=silence.BREACHING if below else silence.NOT_BREACHING,
        )
        self.add_alarm_action(actions.SnsAction(topic))


def ingest_alarms(scope: Construct, *, stage: str, source: str, limits: Alarms, topic: sns.ITopic) -> None:
    """Tell ``topic`` of an ingest that failed, ran out of time, did not run, needs memory, or whose records jumped."""
    service, title = f"ingest-{source}", names.output("Ingest", source)

    def alarm(what: str, means: str, metric: cloudwatch.Metric, threshold: float, **rest: Any) -> None:
        Alarm(
            scope, f"{title}{what}", means=f"{stage}: {means}", metric=metric, threshold=threshold, topic=topic, **rest
        )

    alarm("Failed", f"An ingest of {source} failed for good", _executions(stage, source, "ExecutionsFailed"), 1)
    alarm("TimedOut", f"An ingest of {source} took over a day", _executions(stage, source, "ExecutionsTimedOut"), 1)
    alarm(
        "DidNotRun",
        f"{source} has published nothing for {_HOURS_WITHOUT} hours",
        measured(stage, service, "Published", "Sum", _HOUR),
        1,
        periods=_HOURS_WITHOUT,
        below=True,
    )
    alarm(
        "RecordWidth",
        f"The mean record of {source} has {limits.record_bytes} bytes or more: has the API changed?",
        measured(stage, service, "RecordBytes", "Average", _MINUTES),
        limits.record_bytes,
    )
    alarm(
        "Drift",
        f"Records of {source} are not as they were the date before: fields came, went or changed type, or they grew",
        measured(stage, service, "Drift", "Maximum", _MINUTES),
        1,
    )
    alarm(
        "DeadLetters",
        f"The dead-letter queue {names.ingest_failures(stage, source)} holds failures that nobody has looked at",
        cloudwatch.Metric(
            namespace="AWS/SQS",
            metric_name="ApproximateNumberOfMessagesVisible",
            dimensions_map={"QueueName": names.ingest_failures(stage, source)},
            statistic="Maximum",
            period=_MINUTES,
        ),
        1,
    )
    memory_alarm(scope, stage=stage, service=service, title=title, limits=limits, topic=topic)


def late_alarm(scope: Construct, *, stage: str, table: str, frequency: str, topic: sns.ITopic) -> None:
    """Tell ``topic`` when no delivery of a bucket has been summarized for so long that one is late.

    Arguments: ``table``, the name of the table over the bucket's inventory.


    S3 promises no hour: one a day may come a day and a half after the last, and the first after two. CloudWatch looks
    back a week at most, which is when the next of a weekly inventory is due.
    """
    hours = 48 if frequency == "Daily" else 7 * 24
    Alarm(
        scope,
        "InventoryLate" if table == LAKE else f"InventoryLate-{table}",
        means=f"{stage}: no delivery for the table {table} has arrived, or been summarized, for {hours} hours",
        metric=measured(stage, "inventory", "Delivered", "Sum", _HOUR, table=table),
        threshold=1,
        topic=topic,
        periods=hours,
        below=True,
    )


def memory_alarm(scope: Construct, *, stage: str, service: str, title: str, limits: Alarms, topic: sns.ITopic) -> None:
    """Tell ``topic`` of a function that came close to its memory limit, at which Lambda kills it."""
    Alarm(
        scope,
        f"{title}Memory",
        means=f"{stage}: {service} used {limits.memory_percent} % of its memory or more: declare more memory_mib",
        metric=measured(stage, service, "MemoryUsedPercent", "Maximum", _MINUTES),
        threshold=limits.memory_percent,
        topic=topic,
    )


def _executions(stage: str, source: str, name: str) -> cloudwatch.Metric:
    machine = f"arn:{Aws.PARTITION}:states:{Aws.REGION}:{Aws.ACCOUNT_ID}:stateMachine:{names.ingest(stage, source)}"
    return cloudwatch.Metric(
        namespace="AWS/States",
        metric_name=name,
        dimensions_map={"StateMachineArn": machine},
        statistic="Sum",
        period=_MINUTES,
    )
