"""A custom resource of CloudFormation: one inventory configuration of a bucket that the stack did not make.

What its role needs, on the buckets of the settings' list: ``s3:PutInventoryConfiguration`` (also to delete one), and
``s3:GetInventoryConfiguration``, so that it never replaces a configuration that it did not create.
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/crpg-ref.html
"""

import functools
import json
import urllib.request
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import ClientError

from brigade.aws import Connection
from brigade.masking import mask
from lambdas.logs import masking_errors, masking_logger

logger = masking_logger()
_NOT_OURS = "not-configured"


@masking_errors
def handler(event: dict[str, Any], context: LambdaContext) -> None:
    """Create, change or delete the configuration that the event's properties describe, and answer CloudFormation.

    A create fails if the bucket has another configuration of the same id; another's configuration is never deleted.
    A bucket or a configuration that is gone is no error of a delete.
    """
    # The event is logged without its ResponseURL, which is a key to answer for this resource.
    logger.info("asked", extra={"request": event["RequestType"], "properties": event["ResourceProperties"]})
    answer = {name: event[name] for name in ("StackId", "RequestId", "LogicalResourceId")}
    answer["PhysicalResourceId"] = event.get("PhysicalResourceId", _NOT_OURS)
    try:
        answer |= {"Status": "SUCCESS", "PhysicalResourceId": _done(_client(), event)}
    except Exception as error:  # whatever it is: without an answer the deployment would wait for the timeout
        logger.exception("failed")
        answer |= {"Status": "FAILED", "Reason": mask(f"{type(error).__name__}: {error}")[:1000]}
    request = urllib.request.Request(  # noqa: S310 - CloudFormation's own address
        event["ResponseURL"], json.dumps(answer).encode(), {"Content-Type": ""}, method="PUT"
    )
    with urllib.request.urlopen(request, timeout=10):  # noqa: S310 - as above
        pass


def _done(s3: Any, event: dict[str, Any]) -> str:
    wanted = event["ResourceProperties"]
    bucket, name = wanted["Bucket"], wanted["Id"]
    physical = f"{bucket}/{name}"
    if event["RequestType"] == "Delete":
        if event["PhysicalResourceId"] == physical:
            _delete(s3, bucket, name)
        return str(event["PhysicalResourceId"])
    configuration = _configuration(wanted)
    if event.get("PhysicalResourceId") != physical:
        found = _found(s3, bucket, name)
        if found is not None and found["Destination"] != configuration["Destination"]:
            raise ValueError(f"{bucket} has an inventory configuration {name!r} already; set another inventory.id")
    s3.put_bucket_inventory_configuration(Bucket=bucket, Id=name, InventoryConfiguration=configuration)
    return physical


def _configuration(wanted: dict[str, Any]) -> dict[str, Any]:
    destination = {
        "AccountId": wanted["Account"],
        "Bucket": wanted["Destination"],
        "Format": wanted["Format"],
        "Prefix": wanted["Prefix"],
    }
    return {
        "Id": wanted["Id"],
        "IsEnabled": True,
        "IncludedObjectVersions": wanted["Versions"],
        "OptionalFields": wanted["Fields"],
        "Schedule": {"Frequency": wanted["Frequency"]},
        "Destination": {"S3BucketDestination": destination},
    }


def _found(s3: Any, bucket: str, name: str) -> Any:
    try:
        return s3.get_bucket_inventory_configuration(Bucket=bucket, Id=name)["InventoryConfiguration"]
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchConfiguration":
            return None
        raise


def _delete(s3: Any, bucket: str, name: str) -> None:
    try:
        s3.delete_bucket_inventory_configuration(Bucket=bucket, Id=name)
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("NoSuchConfiguration", "NoSuchBucket"):
            raise


@functools.cache
def _client() -> Any:
    return Connection().client("s3")
