"""Enable an inventory for a bucket that exists already, by API: what the stacks do for `buckets` of the settings."""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from brigade.catalog import table, view
from brigade.errors import BrigadeError, UsageError
from brigade.inventory.setup.glue_table import ENABLED, table_input, with_location
from brigade.inventory.setup.policies import PolicyChange, plan_grants, put_policy


@dataclass(frozen=True)
class EnablePlan:
    """The resources that `apply_enable` writes, for display before it runs."""

    bucket: str
    configuration: dict[str, Any]
    consents: list[PolicyChange]
    tables: tuple[dict[str, Any], ...]
    """The Glue table over its deliveries, and the view over that, as the stacks make them."""

    @property
    def names(self) -> list[str]:
        """The names of the tables."""
        return [str(each["Name"]) for each in self.tables]


def plan_enable(
    client: Callable[[str], Any], account: str, database: str, lake: tuple[str, str, str, str], bucket: str
) -> EnablePlan:
    """Return the changes that enable the inventory of a bucket. Nothing is changed.

    Args:
        client: Returns the AWS client of a service by its name.
        lake: The configuration of the lake, as the arguments of `list_deliveries`. The new one is like it.

    Raises:
        UsageError: The bucket has a configuration of that id with another destination, or the table belongs to another
            bucket or to the stacks.
        BrigadeError: AWS refused a call.
    """
    s3, glue = client("s3"), client("glue")
    reports, prefix, source, name = lake
    try:
        like = s3.get_bucket_inventory_configuration(Bucket=source, Id=name)["InventoryConfiguration"]
        listed = s3.list_bucket_inventory_configurations(Bucket=bucket)
        consents = plan_grants(client, like["Destination"]["S3BucketDestination"]["Bucket"], prefix, bucket, account)
        made, over = (glue.get_table(DatabaseName=database, Name=name)["Table"] for name in (table(), view(table())))
    except ClientError as error:
        raise translate_setup_error(error, bucket) from error
    for each in listed.get("InventoryConfigurationList", []):
        if each["Id"] == name and each["Destination"] != like["Destination"]:
            raise UsageError(f"{bucket} has an inventory configuration {name!r} already, which goes elsewhere")
    _refuse_others_table(glue, database, bucket)
    return EnablePlan(
        bucket,
        {key: value for key, value in like.items() if key != "Filter"},
        consents,
        (_table(made, f"s3://{reports}/{prefix}/{bucket}/{name}/", bucket), _view(over, database, bucket)),
    )


def apply_enable(client: Callable[[str], Any], database: str, planned: EnablePlan) -> None:
    """Write the policies of the destination and its key, then the configuration, then the tables. Idempotent.

    Raises:
        BrigadeError: AWS refused a call. Resources that were written stay; a second run continues.
    """
    glue = client("glue")
    try:
        for consent in planned.consents:
            put_policy(client, consent)
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
        raise translate_setup_error(error, planned.bucket) from error


def _refuse_others_table(glue: Any, database: str, bucket: str) -> None:
    """Raise UsageError if the table of `bucket` exists and belongs to another bucket or to the stacks."""
    try:
        made = glue.get_table(DatabaseName=database, Name=table(bucket))["Table"]
    except ClientError as error:
        if error.response["Error"]["Code"] == "EntityNotFoundException":
            return
        raise translate_setup_error(error, bucket) from error
    other = made["StorageDescriptor"]["Location"].rstrip("/").split("/")[-2]
    if other != bucket:
        raise UsageError(f"the table of {bucket} would be {database}.{table(bucket)}, which is that of {other}")
    if ENABLED not in made.get("Parameters", {}):
        raise UsageError(f"{bucket} has its inventory of the stacks: it is among the settings' buckets")


def _table(lakes: dict[str, Any], location: str, bucket: str) -> dict[str, Any]:
    """Return the lake's table, changed to the deliveries at `location`."""
    storage = with_location(lakes["StorageDescriptor"], location)
    there = {"storage.location.template": f"{location}hive/dt=${{dt}}/", ENABLED: "true"}
    parameters = {**lakes["Parameters"], **there}
    return {**table_input(lakes), "Name": table(bucket), "StorageDescriptor": storage, "Parameters": parameters}


def _view(lakes: dict[str, Any], database: str, bucket: str) -> dict[str, Any]:
    """Return the lake's view, changed to the table of `bucket`. Athena stores its query in base64."""
    before, after = "/* Presto View: ", " */"
    definition = json.loads(base64.b64decode(lakes["ViewOriginalText"].removeprefix(before).removesuffix(after)))
    read, instead = (f'"{database}"."{name}"' for name in (table(), table(bucket)))
    definition["originalSql"] = definition["originalSql"].replace(read, instead)
    text = base64.b64encode(json.dumps(definition).encode()).decode()
    parameters = {**lakes["Parameters"], ENABLED: "true"}
    named = {"Name": view(table(bucket)), "ViewOriginalText": f"{before}{text}{after}"}
    return {**table_input(lakes), **named, "Parameters": parameters}


def translate_setup_error(error: ClientError, bucket: str) -> BrigadeError:
    """Return the error to raise when AWS refuses a call about the inventory of `bucket`."""
    code, message = (str(error.response.get("Error", {}).get(name, "")) for name in ("Code", "Message"))
    return BrigadeError(
        f"AWS refused {error.operation_name} for the inventory of {bucket} ({code}): {message}; "
        "whoever puts one or takes it away needs rights that the operator's policy does not have: use the account's own"
    )
