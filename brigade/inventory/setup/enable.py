"""An inventory configuration for a bucket that exists, once, by API: what the stacks do for the settings' list."""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from brigade.catalog import table, view
from brigade.errors import BrigadeError, UsageError
from brigade.inventory.setup.glue_table import ENABLED, given, located
from brigade.inventory.setup.policies import Consent, needed, put


@dataclass(frozen=True)
class Plan:
    """What ``apply`` will put where: shown before it is done."""

    bucket: str
    configuration: dict[str, Any]
    consents: list[Consent]
    tables: tuple[dict[str, Any], ...]
    """The Glue table over its deliveries, and the view over that, as the stacks make them."""

    @property
    def names(self) -> list[str]:
        """Those of the tables."""
        return [str(each["Name"]) for each in self.tables]


def plan(
    client: Callable[[str], Any], account: str, database: str, lake: tuple[str, str, str, str], bucket: str
) -> Plan:
    """Look what there is, and give what has to be put; nothing is changed.

    Arguments: ``client``, which gives AWS's client of a service by its name; ``lake``, the lake's configuration as
    ``inventory.deliveries`` takes it: the new one is like it.

    Fails with UsageError when the bucket has a configuration of that id with another destination, or its table is that
    of another bucket or of the stacks; with BrigadeError when AWS refuses to look.
    """
    s3, glue = client("s3"), client("glue")
    reports, prefix, source, name = lake
    try:
        like = s3.get_bucket_inventory_configuration(Bucket=source, Id=name)["InventoryConfiguration"]
        listed = s3.list_bucket_inventory_configurations(Bucket=bucket)
        consents = needed(client, like["Destination"]["S3BucketDestination"]["Bucket"], prefix, bucket, account)
        made, over = (glue.get_table(DatabaseName=database, Name=name)["Table"] for name in (table(), view(table())))
    except ClientError as error:
        raise refusal(error, bucket) from error
    for each in listed.get("InventoryConfigurationList", []):
        if each["Id"] == name and each["Destination"] != like["Destination"]:
            raise UsageError(f"{bucket} has an inventory configuration {name!r} already, which goes elsewhere")
    _refuse_others_table(glue, database, bucket)
    return Plan(
        bucket,
        {key: value for key, value in like.items() if key != "Filter"},
        consents,
        (_table(made, f"s3://{reports}/{prefix}/{bucket}/{name}/", bucket), _view(over, database, bucket)),
    )


def apply(client: Callable[[str], Any], database: str, planned: Plan) -> None:
    """Put the destination's and its key's consent, then the configuration, then the tables. Done twice, it is the same.

    Fails with BrigadeError when AWS refuses; what was put before stays, and doing it again goes on.
    """
    glue = client("glue")
    try:
        for consent in planned.consents:
            put(client, consent)
        client("s3").put_bucket_inventory_configuration(
            Bucket=planned.bucket,
            Id=planned.configuration["Id"],
            InventoryConfiguration=planned.configuration,
        )
        for each in planned.tables:
            try:
                glue.create_table(DatabaseName=database, TableInput=each)
            except ClientError as error:
                if error.response["Error"]["Code"] != "AlreadyExistsException":
                    raise
                glue.update_table(DatabaseName=database, TableInput=each)
    except ClientError as error:
        raise refusal(error, planned.bucket) from error


def _refuse_others_table(glue: Any, database: str, bucket: str) -> None:
    """Fail with UsageError where the table of ``bucket`` is there and reads those of another, or the stacks made it."""
    try:
        made = glue.get_table(DatabaseName=database, Name=table(bucket))["Table"]
    except ClientError as error:
        if error.response["Error"]["Code"] == "EntityNotFoundException":
            return
        raise refusal(error, bucket) from error
    other = made["StorageDescriptor"]["Location"].rstrip("/").split("/")[-2]
    if other != bucket:
        raise UsageError(f"the table of {bucket} would be {database}.{table(bucket)}, which is that of {other}")
    if ENABLED not in made.get("Parameters", {}):
        raise UsageError(f"{bucket} has its inventory of the stacks: it is among the settings' buckets")


def _table(lakes: dict[str, Any], location: str, bucket: str) -> dict[str, Any]:
    """Give the lake's table over the deliveries at ``location``."""
    storage = located(lakes["StorageDescriptor"], location)
    there = {"storage.location.template": f"{location}hive/dt=${{dt}}/", ENABLED: "true"}
    parameters = {**lakes["Parameters"], **there}
    return {**given(lakes), "Name": table(bucket), "StorageDescriptor": storage, "Parameters": parameters}


def _view(lakes: dict[str, Any], database: str, bucket: str) -> dict[str, Any]:
    """Give the lake's view over the table of ``bucket``; what it selects is in it as Athena keeps it, in base64."""
    before, after = "/* Presto View: ", " */"
    definition = json.loads(base64.b64decode(lakes["ViewOriginalText"].removeprefix(before).removesuffix(after)))
    read, instead = (f'"{database}"."{name}"' for name in (table(), table(bucket)))
    definition["originalSql"] = definition["originalSql"].replace(read, instead)
    text = base64.b64encode(json.dumps(definition).encode()).decode()
    parameters = {**lakes["Parameters"], ENABLED: "true"}
    named = {"Name": view(table(bucket)), "ViewOriginalText": f"{before}{text}{after}"}
    return {**given(lakes), **named, "Parameters": parameters}


def refusal(error: ClientError, bucket: str) -> BrigadeError:
    """Give what to say where AWS refuses a call about the inventory of ``bucket``."""
    code, message = (str(error.response.get("Error", {}).get(name, "")) for name in ("Code", "Message"))
    return BrigadeError(
        f"AWS refused {error.operation_name} for the inventory of {bucket} ({code}): {message}; "
        "whoever puts one or takes it away needs rights that the operator's policy does not have: use the account's own"
    )
