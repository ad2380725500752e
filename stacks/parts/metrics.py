"""The metrics that there are of ingests and operations, by the names under which they are published."""

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch

from stacks import names


def measured(stage: str, service: str, name: str, statistic: str, period: Duration, **more: str) -> cloudwatch.Metric:
    """A metric that the function itself publishes, of the service ``ingest-<source>`` or ``operation-<name>``.

    Arguments: ``more``, what else it is published by: its other dimensions.
    """
    return cloudwatch.Metric(
        namespace=names.metrics(stage),
        metric_name=name,
        dimensions_map={"service": service, **more},
        statistic=statistic,
        period=period,
    )


def of_function(function: str, name: str, statistic: str, period: Duration) -> cloudwatch.Metric:
    """A metric that Lambda publishes of the function of this name."""
    return cloudwatch.Metric(
        namespace="AWS/Lambda",
        metric_name=name,
        dimensions_map={"FunctionName": function},
        statistic=statistic,
        period=period,
    )
