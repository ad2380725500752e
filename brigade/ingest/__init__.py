"""The names that the declaration of a source imports.

from brigade.ingest import ApiSource, Cursor

SOURCE = ApiSource(base_url="https://…", path="/…", pagination=Cursor(…), schedule="rate(1 day)")
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from brigade.ingest.declare.api_source import ApiSource, Rate, Rule
    from brigade.ingest.declare.api_source import ApiSource as Source
    from brigade.ingest.declare.authentication import (
        Basic,
        Bearer,
        ClientCredentials,
        HeaderKey,
        QueryKey,
        RefreshToken,
        Secret,
    )
    from brigade.ingest.declare.contract import Contract
    from brigade.ingest.declare.csv_format import Csv
    from brigade.ingest.declare.incremental import Newest, Since
    from brigade.ingest.declare.json_schema import JsonSchema
    from brigade.ingest.declare.pagination import (
        Cursor,
        LinkHeader,
        NextUrl,
        Offset,
        PageNumber,
        Pagination,
    )
    from brigade.ingest.declare.request import PageInfo, Request, Response
    from brigade.ingest.declare.source import Objects
    from brigade.ingest.declare.table_source import TableSource
    from brigade.ingest.declare.transform import Transform

__all__ = [
    "ApiSource",
    "Basic",
    "Bearer",
    "ClientCredentials",
    "Contract",
    "Csv",
    "Cursor",
    "HeaderKey",
    "JsonSchema",
    "LinkHeader",
    "Newest",
    "NextUrl",
    "Objects",
    "Offset",
    "PageInfo",
    "PageNumber",
    "Pagination",
    "QueryKey",
    "Rate",
    "RefreshToken",
    "Request",
    "Response",
    "Rule",
    "Secret",
    "Since",
    "Source",
    "TableSource",
    "Transform",
]

_MODULES = {
    "api_source": ("ApiSource", "Rate", "Rule"),
    "authentication": ("Basic", "Bearer", "ClientCredentials", "HeaderKey", "QueryKey", "RefreshToken", "Secret"),
    "contract": ("Contract",),
    "csv_format": ("Csv",),
    "incremental": ("Newest", "Since"),
    "json_schema": ("JsonSchema",),
    "pagination": ("Cursor", "LinkHeader", "NextUrl", "Offset", "PageNumber", "Pagination"),
    "request": ("PageInfo", "Request", "Response"),
    "source": ("Objects",),
    "table_source": ("TableSource",),
    "transform": ("Transform",),
}


def __getattr__(name: str) -> Any:
    """Import a name when it is first used: a cold start imports only what its source uses."""
    wanted = "ApiSource" if name == "Source" else name
    for module, names in _MODULES.items():
        if wanted in names:
            return getattr(import_module(f"brigade.ingest.declare.{module}"), wanted)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
