"""The monitoring stack: what is looked at, and what somebody is told."""

from collections.abc import Sequence

from aws_cdk import App, CfnOutput, Environment, Stack

from brigade.catalog import table
from brigade.settings import Settings
from stacks import names
from stacks.parts.alarm_topic import AlarmTopic
from stacks.parts.alarms import ingest_alarms, late_alarm, memory_alarm
from stacks.parts.dashboard import Dashboard


class MonitoringStack(Stack):
    """A dashboard, and alarms on a topic: an ingest that failed or did not run, memory, record width, dead letters."""

    def __init__(
        self,
        scope: App,
        *,
        settings: Settings,
        sources: Sequence[str],
        operations: Sequence[str],
        env: Environment,
    ) -> None:
        """Arguments: ``sources`` and ``operations``, the names of those deployed."""
        super().__init__(
            scope,
            names.stack(settings.stage, "monitoring"),
            env=env,
            description="Bucket Brigade: dashboard and alarms",
        )
        self.topic = topic = AlarmTopic(self, "Alarms", email=settings.alarms.email)
        for name in (table(), *(table(bucket.name) for bucket in settings.buckets)):
            late_alarm(self, stage=settings.stage, table=name, frequency=settings.inventory.frequency, topic=topic)
        for source in sources:
            ingest_alarms(self, stage=settings.stage, source=source, limits=settings.alarms, topic=topic)
        for operation in operations:
            memory_alarm(
                self,
                stage=settings.stage,
                service=f"operation-{operation}",
                title=names.output("Operation", operation),
                limits=settings.alarms,
                topic=topic,
            )
        board = Dashboard(self, "Dashboard", stage=settings.stage, sources=sources, operations=operations)
        CfnOutput(self, "AlarmTopicArn", value=topic.topic_arn)
        CfnOutput(self, "DashboardName", value=board.dashboard_name)
