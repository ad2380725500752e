"""Changes to a Glue table that CloudFormation has no property for, made by Glue's API."""

from typing import Any

ENABLED = "brigade.enabled"
"""The parameter of a table that ``inventory enable`` made: the stacks' have none."""
_TAKEN = (
    "Name",
    "Description",
    "Owner",
    "Retention",
    "TableType",
    "Parameters",
    "PartitionKeys",
    "StorageDescriptor",
    "ViewOriginalText",
    "ViewExpandedText",
)


def table_input(made: dict[str, Any]) -> dict[str, Any]:
    """Keep only the fields that `TableInput` accepts. `GetTable` adds read-only fields, and `UpdateTable` rejects them.

    Source: https://docs.aws.amazon.com/glue/latest/webapi/API_TableInput.html
    """
    return {name: made[name] for name in _TAKEN if made.get(name)}


def with_location(storage: dict[str, Any], location: str) -> dict[str, Any]:
    """Return a storage descriptor with the table's location and its data's location.

    Lake Formation lets Athena read only the locations of a table, and the symlinks in `hive/` point to files in
    `data/`.

    Args:
        location: The folder of an inventory configuration.

    Source: https://docs.aws.amazon.com/glue/latest/webapi/API_StorageDescriptor.html
    """
    return {**storage, "Location": location, "AdditionalLocations": [f"{location}data/"]}


def set_location(glue: Any, database: str, table: str) -> bool:
    """Add the data's location to the table and change nothing else; return False if it is there already.

    Raises:
        ClientError: AccessDeniedException: IAM or Lake Formation does not let the caller alter the table.
            ConcurrentModificationException: another caller altered it meanwhile.
    """
    made = glue.get_table(DatabaseName=database, Name=table)["Table"]
    storage = with_location(made["StorageDescriptor"], made["StorageDescriptor"]["Location"])
    if storage == made["StorageDescriptor"]:
        return False
    changed = {**table_input(made), "StorageDescriptor": storage}
    glue.update_table(DatabaseName=database, TableInput=changed, VersionId=made["VersionId"])
    return True
