"""Disable an inventory that `enable` made. Deliveries stay, and no resource of a stack changes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from brigade.catalog import table, view
from brigade.errors import NotFound
from brigade.inventory.setup.enable import translate_setup_error
from brigade.inventory.setup.glue_table import ENABLED
from brigade.inventory.setup.policies import PolicyChange, plan_revocations, put_policy

_GONE = ("NoSuchConfiguration", "NoSuchBucket", "EntityNotFoundException")


@dataclass(frozen=True)
class DisablePlan:
    """The resources that `apply_disable` deletes, for display before it runs."""

    bucket: str
    configuration: str | None
    """Its id; None if there is none of ours."""
    consents: list[PolicyChange]
    names: list[str]
    """The names of the tables."""


def plan_disable(
    client: Callable[[str], Any], database: str, lake: tuple[str, str, str, str], bucket: str
) -> DisablePlan:
    """Return what `enable` made for the bucket and is still there. Nothing is changed.

    The configuration is deleted only together with the statement in the reports bucket's policy. Without the statement
    a deployment has taken the configuration over.

    Args:
        client: Returns the AWS client of a service by its name.
        lake: The configuration of the lake, as the arguments of `list_deliveries`.

    Raises:
        NotFound: There is nothing to delete.
        BrigadeError: AWS refused a call.
    """
    reports, _, source, id = lake
    try:
        like = client("s3").get_bucket_inventory_configuration(Bucket=source, Id=id)["InventoryConfiguration"]
        destination = like["Destination"]
        consents = plan_revocations(client, destination["S3BucketDestination"]["Bucket"], bucket)
        ours = reports in {consent.of for consent in consents} and _goes_to(client, bucket, id) == destination
        tables = [name for name in (view(table(bucket)), table(bucket)) if _enabled(client, database, name)]
    except ClientError as error:
        raise translate_setup_error(error, bucket) from error
    if not (consents or tables):
        raise NotFound(f"`inventory enable` put nothing for {bucket} that is still there; see the settings' buckets")
    return DisablePlan(bucket, id if ours else None, consents, tables)


def apply_disable(client: Callable[[str], Any], database: str, planned: DisablePlan) -> None:
    """Delete the configuration, then the policy statements, then the tables. Idempotent.

    Raises:
        BrigadeError: AWS refused a call. Resources that were deleted stay deleted; a second run continues.
    """
    try:
        if planned.configuration:
            _unless_gone(
                client("s3").delete_bucket_inventory_configuration, Bucket=planned.bucket, Id=planned.configuration
            )
        for consent in planned.consents:
            put_policy(client, consent)
        for name in planned.names:
            _unless_gone(client("glue").delete_table, DatabaseName=database, Name=name)
    except ClientError as error:
        raise translate_setup_error(error, planned.bucket) from error


def _goes_to(client: Callable[[str], Any], bucket: str, id: str) -> Any:
    call = client("s3").get_bucket_inventory_configuration
    answer = _unless_gone(call, Bucket=bucket, Id=id)
    return answer and answer["InventoryConfiguration"]["Destination"]


def _enabled(client: Callable[[str], Any], database: str, name: str) -> bool:
    answer = _unless_gone(client("glue").get_table, DatabaseName=database, Name=name)
    return bool(answer and ENABLED in answer["Table"].get("Parameters", {}))


def _unless_gone(call: Callable[..., Any], **asked: str) -> Any:
    """Return the answer of an AWS call; None if its resource does not exist."""
    try:
        return call(**asked)
    except ClientError as error:
        if error.response["Error"]["Code"] not in _GONE:
            raise
        return None
