"""The function behind every operation: an invocation by S3 Batch Operations in, a result code for each task out.

Its environment (`lambdas/batch_operations/environment.py`) names the operation.

It calls S3 only for the operation and only so: GetObject and HeadObject (``s3:GetObject``, and
``s3:GetObjectVersion`` for a manifest with versions) on the keys that the operation ``reads``; PutObject
(``s3:PutObject``) on those that it ``writes``. ``s3:ListBucket`` on the bucket makes S3 say that an object is missing
(NoSuchKey) rather than forbidden.

Lambda's own active tracing records each invocation. Powertools' Tracer would add the S3 calls inside, and with X-Ray's
SDK two thirds to a cold start, and a job begins with a thousand of those.
"""

import functools
import importlib
import os
import re
from dataclasses import dataclass
from typing import Any

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from brigade.aws import Connection
from brigade.errors import SettingsError
from brigade.operations import Operation
from brigade.operations.invocation import TaskResult, parse_invocation
from brigade.operations.perform import perform_tasks
from brigade.s3.client_type import S3Client
from lambdas.batch_operations.environment import OperationEnvironment
from lambdas.logs import masking_errors, masking_logger
from lambdas.memory import peak_mib

# Powertools works by decorators, which must exist before the first call; they read their own POWERTOOLS_* variables.
logger = masking_logger()
metrics = Metrics()


@dataclass(frozen=True)
class Setup:
    """The objects that live as long as the process: the operation and the client."""

    operation: Operation
    s3: S3Client


@functools.cache
def _setup() -> Setup:
    name = OperationEnvironment.read(os.environ).operation
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise SettingsError(
            f"BRIGADE_OPERATION must name a module of lambdas/batch_operations/operations, not {name!r}"
        )
    module = importlib.import_module(f"lambdas.batch_operations.operations.{name}")
    return Setup(operation=module.OPERATION, s3=Connection().client("s3"))


@masking_errors
@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Run the operation over the event's tasks and return one result for each."""
    setup = _setup()
    invocation = parse_invocation(event)
    logger.append_keys(job=invocation.job_id)
    results = perform_tasks(setup.operation, invocation, setup.s3, context.get_remaining_time_in_millis() / 1000)
    for result in results:
        _tell(result)
    _measure(context)
    return invocation.answer(results)


def _tell(result: TaskResult) -> None:
    metrics.add_metric(name=result.code, unit=MetricUnit.Count, value=1)
    told = {"bucket": result.task.bucket, "key": result.task.key_text, "result": result.text}
    if result.error is None:
        logger.info(result.code, extra=told)
    else:
        logger.warning(result.code, extra=told, exc_info=result.error)


def _measure(context: LambdaContext) -> None:
    percent = 100 * peak_mib() / int(context.memory_limit_in_mb)
    metrics.add_metric(name="MemoryUsedPercent", unit=MetricUnit.Percent, value=percent)
