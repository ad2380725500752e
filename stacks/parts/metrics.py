"""The CloudWatch metrics of ingests, operations and deliveries, by the names under which they are published."""

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch

from brigade import names


def service_metric(
    stage: str, service: str, name: str, statistic: str, period: Duration, **dimensions: str
) -> cloudwatch.Metric:
    """Return a metric that a function of ours publishes.

    Args:
        stage: Name of the stage, which determines the namespace.
        service: The service name of the function: `ingest-<source>`, `operation-<name>` or `inventory`.
        name: Name of the metric.
        statistic: Name of the statistic, such as `Sum`.
        period: Length of one period.
        **dimensions: Dimensions besides `service`.
    """
    return cloudwatch.Metric(
        namespace=names.metrics(stage),
        metric_name=name,
        dimensions_map={"service": service, **dimensions},
        statistic=statistic,
        period=period,
    )


def lambda_metric(function_name: str, name: str, statistic: str, period: Duration) -> cloudwatch.Metric:
    """Return a metric that Lambda publishes about the function with this name."""
    return cloudwatch.Metric(
        namespace="AWS/Lambda",
        metric_name=name,
        dimensions_map={"FunctionName": function_name},
        statistic=statistic,
        period=period,
    )
