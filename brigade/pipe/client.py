"""The client of S3 that pipes use."""

from typing import Any

from brigade.aws import Connection
from brigade.s3.http import connect


def client(connection: Connection) -> Any:
    """Give S3's own HTTP where the settings allow it, else boto3's client: the same calls, loaded more slowly."""
    return connect(
        profile=connection.profile, region=connection.region, endpoint_url=connection.endpoint_url
    ) or connection.client("s3")
