"""A Glue table over an inventory, changed by Glue's own API: what CloudFormation has no property for."""

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


def given(made: dict[str, Any]) -> dict[str, Any]:
    """Give of a table, as Glue describes it, what Glue takes: it adds what it knows of one, and refuses that in turn.

    https://docs.aws.amazon.com/glue/latest/webapi/API_TableInput.html
    """
    return {name: made[name] for name in _TAKEN if made.get(name)}


def located(storage: dict[str, Any], location: str) -> dict[str, Any]:
    """Give a storage descriptor whose table is at ``location``, a configuration's folder, and says where its data is.

    Lake Formation lets Athena read the locations of a table alone, and what ``hive/`` points to is in ``data/``.
    https://docs.aws.amazon.com/glue/latest/webapi/API_StorageDescriptor.html
    """
    return {**storage, "Location": location, "AdditionalLocations": [f"{location}data/"]}


def locate(glue: Any, database: str, table: str) -> bool:
    """Have the table say where its data is, and nothing else of it changed; False if it did already.

    Fails with botocore's ClientError: AccessDeniedException where IAM or Lake Formation does not let the caller alter
    the table, ConcurrentModificationException when somebody else has altered it meanwhile.
    """
    made = glue.get_table(DatabaseName=database, Name=table)["Table"]
    storage = located(made["StorageDescriptor"], made["StorageDescriptor"]["Location"])
    if storage == made["StorageDescriptor"]:
        return False
    changed = {**given(made), "StorageDescriptor": storage}
    glue.update_table(DatabaseName=database, TableInput=changed, VersionId=made["VersionId"])
    return True
