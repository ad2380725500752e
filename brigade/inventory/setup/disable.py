"""Take away what ``enable`` put for a bucket: what was delivered stays, and what the stacks made is not touched."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from brigade.catalog import table, view
from brigade.errors import NotFound
from brigade.inventory.setup.enable import refusal
from brigade.inventory.setup.glue_table import ENABLED
from brigade.inventory.setup.policies import Consent, put, withdrawn

_GONE = ("NoSuchConfiguration", "NoSuchBucket", "EntityNotFoundException")


@dataclass(frozen=True)
class Plan:
    """What ``apply`` will take away: shown before it is done."""

    bucket: str
    configuration: str | None
    """Its id; None if there is none of ours."""
    consents: list[Consent]
    names: list[str]
    """Those of the tables."""


def plan(client: Callable[[str], Any], database: str, lake: tuple[str, str, str, str], bucket: str) -> Plan:
    """Look what of it is there; nothing is changed.

    The configuration goes with the reports bucket's consent alone: without that, a deployment has made it its own.

    Arguments: as those of ``enable.plan``. Fails with NotFound when nothing is there, with BrigadeError when AWS
    refuses to look.
    """
    reports, _, source, id = lake
    try:
        like = client("s3").get_bucket_inventory_configuration(Bucket=source, Id=id)["InventoryConfiguration"]
        destination = like["Destination"]
        consents = withdrawn(client, destination["S3BucketDestination"]["Bucket"], bucket)
        ours = reports in {consent.of for consent in consents} and _goes_to(client, bucket, id) == destination
        tables = [name for name in (view(table(bucket)), table(bucket)) if _enabled(client, database, name)]
    except ClientError as error:
        raise refusal(error, bucket) from error
    if not (consents or tables):
        raise NotFound(f"`inventory enable` put nothing for {bucket} that is still there; see the settings' buckets")
    return Plan(bucket, id if ours else None, consents, tables)


def apply(client: Callable[[str], Any], database: str, planned: Plan) -> None:
    """Take away the configuration, then the consents, then the tables. Done twice, it is the same.

    Fails with BrigadeError when AWS refuses; what was taken away stays so, and doing it again goes on.
    """
    try:
        if planned.configuration:
            _unless_gone(
                client("s3").delete_bucket_inventory_configuration, Bucket=planned.bucket, Id=planned.configuration
            )
        for consent in planned.consents:
            put(client, consent)
        for name in planned.names:
            _unless_gone(client("glue").delete_table, DatabaseName=database, Name=name)
    except ClientError as error:
        raise refusal(error, planned.bucket) from error


def _goes_to(client: Callable[[str], Any], bucket: str, id: str) -> Any:
    call = client("s3").get_bucket_inventory_configuration
    answer = _unless_gone(call, Bucket=bucket, Id=id)
    return answer and answer["InventoryConfiguration"]["Destination"]


def _enabled(client: Callable[[str], Any], database: str, name: str) -> bool:
    answer = _unless_gone(client("glue").get_table, DatabaseName=database, Name=name)
    return bool(answer and ENABLED in answer["Table"].get("Parameters", {}))


def _unless_gone(call: Callable[..., Any], **asked: str) -> Any:
    """Call AWS, and give what it answers; None where what is asked of is not there."""
    try:
        return call(**asked)
    except ClientError as error:
        if error.response["Error"]["Code"] not in _GONE:
            raise
        return None
