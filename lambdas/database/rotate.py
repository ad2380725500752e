"""Rotate the database's password: one step an event of Secrets Manager. The last step notifies readers of the URI.

What its role needs: on the secret ``secretsmanager:DescribeSecret``, ``GetSecretValue``, ``PutSecretValue`` and
``UpdateSecretVersionStage``; on the secret of the URI ``PutSecretValue``; on the service that reads it at its start
``ecs:UpdateService``; and what a function in a VPC needs.
"""

import functools
import os
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from brigade.aws import Connection
from brigade.database.rotation import Rotation
from brigade.errors import UsageError
from lambdas.database.environment import RotationEnvironment
from lambdas.logs import masking_errors, masking_logger

logger = masking_logger()


@masking_errors
@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> None:
    """Do the step that the event names; fails as ``Rotation`` does, and Secrets Manager then tries again later.

    The last step also writes the secret of the URI, and has the service start anew with it.
    """
    step = event["Step"]
    logger.info("asked", extra={"step": step, "secret": event["SecretId"], "version": event["ClientRequestToken"]})
    rotation = Rotation(_client("secretsmanager"), event["SecretId"], event["ClientRequestToken"])
    match step:
        case "createSecret":
            rotation.create()
        case "setSecret":
            rotation.set()
        case "testSecret":
            rotation.test()
        case "finishSecret":
            environment = RotationEnvironment.read(os.environ)
            rotation.finish(uri_secret=environment.uri_secret, ca_file=environment.ca_file)
            cluster, _, service = environment.service.partition("/")
            _client("ecs").update_service(cluster=cluster, service=service, forceNewDeployment=True)
        case _:
            raise UsageError(f"a rotation has no step {step!r}")


@functools.cache
def _client(service: str) -> Any:
    return Connection().client(service)
