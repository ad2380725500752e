"""The CloudWatch alarms. Each one reports a condition that a person must look at, and describes it."""

from typing import Any

from aws_cdk import Aws, Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns
from constructs import Construct

from brigade import names
from brigade.settings import Alarms
from stacks.parts.inventory_table import LAKE_TABLE
from stacks.parts.metrics import service_metric

_FIVE_MINUTES = Duration.minutes(5)
_HOUR = Duration.hours(1)
_HOURS_WITHOUT_PUBLISHED_DATE = 26
"""One day and two hours, because a daily ingest may run up to two hours longer than the day before."""


class TopicAlarm(cloudwatch.Alarm):
    """An alarm that notifies `topic` when a metric is at or over its threshold."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        description: str,
        metric: cloudwatch.Metric,
        threshold: float,
        topic: sns.ITopic,
        periods: int = 1,
        below: bool = False,
    ) -> None:
        """Create the alarm.

        Args:
            scope: The parent construct.
            construct_id: The id of this construct in `scope`.
            description: What happened, for the person who receives the alarm.
            metric: The metric, with its statistic and period.
            threshold: The value to compare with.
            topic: The topic to notify.
            periods: How many consecutive periods of the metric must breach.
            below: Breach when the metric is under the threshold or has no data, instead of at or over the threshold.
        """
        compare, missing = cloudwatch.ComparisonOperator, cloudwatch.TreatMissingData
        super().__init__(
            scope,
            construct_id,
            alarm_description=description,
            metric=metric,
            threshold=threshold,
            evaluation_periods=periods,
            comparison_operator=compare.LESS_THAN_THRESHOLD if below else compare.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=missing.BREACHING if below else missing.NOT_BREACHING,
        )
        self.add_alarm_action(actions.SnsAction(topic))


def add_ingest_alarms(scope: Construct, *, stage: str, source: str, limits: Alarms, topic: sns.ITopic) -> None:
    """Create the alarms of one source.

    They report a failed or timed-out execution, a day without a published date, records that are wider than the limit
    or that changed their fields, messages in the dead-letter queue, and high memory use.
    """
    service, title = names.ingest_service(source), names.output("Ingest", source)

    def alarm(suffix: str, what: str, metric: cloudwatch.Metric, threshold: float, **options: Any) -> None:
        description = f"{stage}: {what}"
        TopicAlarm(
            scope,
            f"{title}{suffix}",
            description=description,
            metric=metric,
            threshold=threshold,
            topic=topic,
            **options,
        )

    alarm(
        "Failed",
        f"An ingest of {source} failed, and no retry repaired it",
        _execution_metric(stage, source, "ExecutionsFailed"),
        1,
    )
    alarm(
        "TimedOut",
        f"An execution of the ingest of {source} timed out",
        _execution_metric(stage, source, "ExecutionsTimedOut"),
        1,
    )
    alarm(
        "DidNotRun",
        f"{source} published no date in the last {_HOURS_WITHOUT_PUBLISHED_DATE} hours",
        service_metric(stage, service, "Published", "Sum", _HOUR),
        1,
        periods=_HOURS_WITHOUT_PUBLISHED_DATE,
        below=True,
    )
    alarm(
        "RecordWidth",
        f"The mean record of {source} has {limits.record_bytes} bytes or more: check whether the API changed",
        service_metric(stage, service, "RecordBytes", "Average", _FIVE_MINUTES),
        limits.record_bytes,
    )
    alarm(
        "Drift",
        f"Records of {source} differ from the date before: fields were added, removed or changed type, or records grew",
        service_metric(stage, service, "Drift", "Maximum", _FIVE_MINUTES),
        1,
    )
    alarm(
        "DeadLetters",
        f"The dead-letter queue {names.ingest_failures(stage, source)} holds messages",
        cloudwatch.Metric(
            namespace="AWS/SQS",
            metric_name="ApproximateNumberOfMessagesVisible",
            dimensions_map={"QueueName": names.ingest_failures(stage, source)},
            statistic="Maximum",
            period=_FIVE_MINUTES,
        ),
        1,
    )
    add_memory_alarm(scope, stage=stage, service=service, title=title, limits=limits, topic=topic)


def add_late_delivery_alarm(scope: Construct, *, stage: str, table: str, frequency: str, topic: sns.ITopic) -> None:
    """Create the alarm that reports a late delivery of S3 Inventory.

    S3 promises no hour. A daily delivery may arrive a day and a half after the one before, and the first after two
    days. A CloudWatch alarm evaluates one week at most, which is when the next weekly delivery is due.

    Args:
        scope: The parent construct.
        stage: Name of the stage.
        table: Name of the table over the inventory of the bucket.
        frequency: `Daily` or `Weekly`, as in the inventory configuration.
        topic: The topic to notify.
    """
    hours = 48 if frequency == "Daily" else 7 * 24
    TopicAlarm(
        scope,
        "InventoryLate" if table == LAKE_TABLE else f"InventoryLate-{table}",
        description=f"{stage}: no delivery for the table {table} was summarized in the last {hours} hours",
        metric=service_metric(stage, "inventory", "Delivered", "Sum", _HOUR, table=table),
        threshold=1,
        topic=topic,
        periods=hours,
        below=True,
    )


def add_memory_alarm(
    scope: Construct, *, stage: str, service: str, title: str, limits: Alarms, topic: sns.ITopic
) -> None:
    """Create the alarm that reports a function close to its memory limit. Lambda ends a function that exceeds it.

    Args:
        scope: The parent construct.
        stage: Name of the stage.
        service: The service name under which the function publishes its metrics.
        title: Start of the construct id.
        limits: The thresholds of the stage.
        topic: The topic to notify.
    """
    TopicAlarm(
        scope,
        f"{title}Memory",
        description=f"{stage}: {service} used {limits.memory_percent} % or more of its memory: increase its memory_mib",
        metric=service_metric(stage, service, "MemoryUsedPercent", "Maximum", _FIVE_MINUTES),
        threshold=limits.memory_percent,
        topic=topic,
    )


def _execution_metric(stage: str, source: str, name: str) -> cloudwatch.Metric:
    state_machine = names.ingest(stage, source)
    arn = f"arn:{Aws.PARTITION}:states:{Aws.REGION}:{Aws.ACCOUNT_ID}:stateMachine:{state_machine}"
    return cloudwatch.Metric(
        namespace="AWS/States",
        metric_name=name,
        dimensions_map={"StateMachineArn": arn},
        statistic="Sum",
        period=_FIVE_MINUTES,
    )
