"""The log of a function in ministack 1.5.33: the rights of its role, and embedded metrics."""

import json
import logging
from collections.abc import Iterator
from typing import Any

from ministack.services import cloudwatch, cloudwatch_logs, lambda_svc

from local.replacing import replacing
from local.roles import refusal

_ACTIONS = ("logs:CreateLogStream", "logs:PutLogEvents")
_log = logging.getLogger("local")


def apply() -> None:
    """Apply the patches of this module."""
    write_logs_with_the_role_of_the_function()
    take_metrics_from_logs()


def write_logs_with_the_role_of_the_function() -> None:
    """Symptom: a function writes logs and metrics without any right of its role.

    Mends (1.5.33): its lines reach CloudWatch Logs when the role trusts ``lambda.amazonaws.com`` and may create streams
    in the function's group and put events there; else they are lost, as on AWS, and the server's log says why.
    https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html
    """

    @replacing(lambda_svc, "_emit_lambda_logs")
    def emit(original: Any, function: Any, *arguments: Any, **named: Any) -> None:
        configuration = function.get("config") or function
        name = configuration["FunctionName"]
        _, _, _, region, account, *_ = configuration["FunctionArn"].split(":")
        group = (configuration.get("LoggingConfig") or {}).get("LogGroup") or f"/aws/lambda/{name}"
        stream = f"arn:aws:logs:{region}:{account}:log-group:{group}:log-stream:any"
        for action in _ACTIONS:
            why = refusal(configuration["Role"], "lambda.amazonaws.com", action, stream)
            if why:
                _log.warning("logs of %s are lost: %s", name, why)
                return
        original(function, *arguments, **named)


def take_metrics_from_logs() -> None:
    """Symptom: metrics that a function writes to its log in the embedded metric format never reach CloudWatch.

    Mends (1.5.33): each line that declares metrics publishes them.
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
    """

    @replacing(cloudwatch_logs, "_append_log_events")
    def append(original: Any, stream: Any, events: Any) -> None:
        original(stream, events)
        for event in events:
            for namespace, name, value, unit, dimensions in _metrics(event["message"]):
                cloudwatch.record_metric(namespace, name, value, unit, dimensions)


def _metrics(line: str) -> Iterator[tuple[str, str, float, str, dict[str, str]]]:
    if '"CloudWatchMetrics"' not in line:
        return
    try:
        document = json.loads(line)
        declared = document["_aws"]["CloudWatchMetrics"]
    except (ValueError, KeyError, TypeError):
        return  # a line that only speaks of metrics
    for directive in declared:
        for names in directive.get("Dimensions", [[]]):
            dimensions = {name: str(document[name]) for name in names}
            for metric in directive["Metrics"]:
                values = document[metric["Name"]]
                for value in values if isinstance(values, list) else [values]:
                    yield directive["Namespace"], metric["Name"], value, metric.get("Unit", "None"), dimensions
