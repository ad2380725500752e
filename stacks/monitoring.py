"""The monitoring stack: a dashboard, and alarms that notify a topic."""

from collections.abc import Sequence

from aws_cdk import App, CfnOutput, Environment, Stack

from brigade import names
from brigade.catalog import table
from brigade.settings import Settings
from stacks.parts.alarm_topic import AlarmTopic
from stacks.parts.alarms import add_ingest_alarms, add_late_delivery_alarm, add_memory_alarm
from stacks.parts.dashboard import StageDashboard


class MonitoringStack(Stack):
    """A dashboard, a topic, and the alarms on ingests, operations and deliveries that notify the topic."""

    def __init__(
        self,
        scope: App,
        *,
        settings: Settings,
        sources: Sequence[str],
        operations: Sequence[str],
        env: Environment,
    ) -> None:
        """Create the stack.

        Args:
            scope: The app.
            settings: The settings of the stage.
            sources: Names of the deployed sources.
            operations: Names of the deployed operations.
            env: The account and region to deploy to.
        """
        super().__init__(
            scope,
            names.stack(settings.stage, "monitoring"),
            env=env,
            description="Bucket Brigade: dashboard and alarms",
        )
        stage, limits = settings.stage, settings.alarms
        self.topic = topic = AlarmTopic(self, "Alarms", email=limits.email)
        for name in (table(), *(table(bucket.name) for bucket in settings.buckets)):
            add_late_delivery_alarm(self, stage=stage, table=name, frequency=settings.inventory.frequency, topic=topic)
        for source in sources:
            add_ingest_alarms(self, stage=stage, source=source, limits=limits, topic=topic)
        for operation in operations:
            title = names.output("Operation", operation)
            add_memory_alarm(
                self, stage=stage, service=names.operation_service(operation), title=title, limits=limits, topic=topic
            )
        dashboard = StageDashboard(self, "Dashboard", stage=stage, sources=sources, operations=operations)
        CfnOutput(self, "AlarmTopicArn", value=topic.topic_arn)
        CfnOutput(self, "DashboardName", value=dashboard.dashboard_name)
