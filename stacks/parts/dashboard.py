"""The dashboard: a row for each ingest, a row for each operation."""

from collections.abc import Sequence

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from stacks import names
from stacks.parts.metrics import measured, of_function

_PERIOD = Duration.minutes(5)


class Dashboard(cloudwatch.Dashboard):
    """What was ingested, how long it took, what it used; what the tasks came to; errors and throttles."""

    def __init__(
        self, scope: Construct, construct_id: str, *, stage: str, sources: Sequence[str], operations: Sequence[str]
    ) -> None:
        super().__init__(scope, construct_id, dashboard_name=names.dashboard(stage), default_interval=Duration.days(7))
        for source in sources:
            service = f"ingest-{source}"
            self.add_widgets(
                _graph(f"{service}: records", _measured(stage, service, "Sum", "Records", "Pages")),
                _graph(f"{service}: bytes", _measured(stage, service, "Sum", "BytesOut")),
                _graph(f"{service}: seconds", _measured(stage, service, "Maximum", "Seconds")),
                _graph(f"{service}: memory, % of its limit", _measured(stage, service, "Maximum", "MemoryUsedPercent")),
                _graph(f"{service}: errors", _trouble(names.ingest(stage, source))),
            )
        for operation in operations:
            service = f"operation-{operation}"
            results = _measured(stage, service, "Sum", "Succeeded", "TemporaryFailure", "PermanentFailure")
            self.add_widgets(
                _graph(f"{service}: tasks by result", results),
                _graph(f"{service}: memory, % of its limit", _measured(stage, service, "Maximum", "MemoryUsedPercent")),
                _graph(f"{service}: errors", _trouble(names.operation(stage, operation))),
            )


def _graph(title: str, metrics: Sequence[cloudwatch.IMetric]) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(title=title, left=metrics, width=4)


def _measured(stage: str, service: str, statistic: str, *metrics: str) -> list[cloudwatch.IMetric]:
    return [measured(stage, service, metric, statistic, _PERIOD) for metric in metrics]


def _trouble(function: str) -> list[cloudwatch.IMetric]:
    return [of_function(function, metric, "Sum", _PERIOD) for metric in ("Errors", "Throttles")]
