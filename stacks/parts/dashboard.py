"""The CloudWatch dashboard: one row for each ingest and one row for each operation."""

from collections.abc import Sequence

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from brigade import names
from stacks.parts.metrics import lambda_metric, service_metric

_PERIOD = Duration.minutes(5)


class StageDashboard(cloudwatch.Dashboard):
    """A dashboard of one stage.

    A row of an ingest shows records, pages, bytes, seconds and memory. A row of an operation shows its tasks by result
    code and memory. Both show errors and throttles.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, stage: str, sources: Sequence[str], operations: Sequence[str]
    ) -> None:
        super().__init__(scope, construct_id, dashboard_name=names.dashboard(stage), default_interval=Duration.days(7))
        for source in sources:
            service = names.ingest_service(source)
            self.add_widgets(
                _graph(f"{service}: records", _service_metrics(stage, service, "Sum", "Records", "Pages")),
                _graph(f"{service}: bytes", _service_metrics(stage, service, "Sum", "BytesOut")),
                _graph(f"{service}: seconds", _service_metrics(stage, service, "Maximum", "Seconds")),
                _memory_graph(stage, service),
                _graph(f"{service}: errors", _error_metrics(names.ingest(stage, source))),
            )
        for operation in operations:
            service = names.operation_service(operation)
            results = _service_metrics(stage, service, "Sum", "Succeeded", "TemporaryFailure", "PermanentFailure")
            self.add_widgets(
                _graph(f"{service}: tasks by result", results),
                _memory_graph(stage, service),
                _graph(f"{service}: errors", _error_metrics(names.operation(stage, operation))),
            )


def _graph(title: str, metrics: Sequence[cloudwatch.IMetric]) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(title=title, left=metrics, width=4)


def _memory_graph(stage: str, service: str) -> cloudwatch.GraphWidget:
    metrics = _service_metrics(stage, service, "Maximum", "MemoryUsedPercent")
    return _graph(f"{service}: memory, % of its limit", metrics)


def _service_metrics(stage: str, service: str, statistic: str, *metrics: str) -> list[cloudwatch.IMetric]:
    return [service_metric(stage, service, metric, statistic, _PERIOD) for metric in metrics]


def _error_metrics(function_name: str) -> list[cloudwatch.IMetric]:
    return [lambda_metric(function_name, metric, "Sum", _PERIOD) for metric in ("Errors", "Throttles")]
