"""The S3 client of pipes."""

from typing import Any

from brigade.aws import Connection
from brigade.s3.http import connect


def open_client(connection: Connection) -> Any:
    """Return the small HTTP client if it supports the settings, otherwise boto3's, which loads more slowly."""
    return connect(
        profile=connection.profile, region=connection.region, endpoint_url=connection.endpoint_url
    ) or connection.client("s3")
