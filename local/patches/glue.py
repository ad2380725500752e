"""Glue of ministack 1.5.33: the resources of a call for a table."""

import json
from typing import Any

from ministack.core.responses import error_response_json, get_account_id, get_region
from ministack.services import glue

from local import identity
from local.replacing import replacing

_ABOUT_A_TABLE = ("CreateTable", "DeleteTable", "GetTable", "UpdateTable")


def apply() -> None:
    """Apply the patches of this module."""
    ask_for_the_catalog_and_the_table_too()


def ask_for_the_catalog_and_the_table_too() -> None:
    """Symptom: a caller who may update one table of a database may update each; no right on the catalog is needed.

    Mends (1.5.33): a call about a table needs its action on the catalog, the database and the table.
    https://docs.aws.amazon.com/glue/latest/dg/glue-specifying-resource-arns.html
    """

    @replacing(glue, "_handle_request_sync")
    def handle(original: Any, method: str, path: str, headers: Any, body: Any, query: Any) -> Any:
        action = headers.get("x-amz-target", "").rpartition(".")[2]
        if action in _ABOUT_A_TABLE:
            asked = json.loads(body)
            database, table = asked["DatabaseName"], asked.get("Name") or asked["TableInput"]["Name"]
            try:
                _require(f"glue:{action}", ("catalog", f"database/{database}", f"table/{database}/{table}"))
            except identity.Refused as refused:
                return error_response_json("AccessDeniedException", refused.message, 400)
        return original(method, path, headers, body, query)


def _require(action: str, resources: tuple[str, ...]) -> None:
    caller, root = identity.current(), f"arn:aws:glue:{get_region()}:{get_account_id()}"
    for resource in resources:
        identity.require(caller, action, f"{root}:{resource}")
