"""AWS clients. Commands and handlers create them and pass them in; they work with AWS and with the local AWS."""

import functools
import os
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from brigade.headers import check_headers

if TYPE_CHECKING:
    import boto3

# The S3 Control endpoint rules put the account in front of any host, also of a given endpoint. Such a name does not
# resolve, so the label is removed before the request is signed (s3-control endpoint rule set, botocore).
_ACCOUNT_LABEL = re.compile(r"^(https?://)\d{12}\.")


class Connection(NamedTuple):
    """The address of AWS and the credentials of the caller. `client` returns one client for each service.

    If `profile`, `region` and `endpoint_url` are None, boto3's own chain decides (environment, files, role). The
    connection reads nothing. The first client reads that chain, and only calls contact AWS.
    """

    profile: str | None = None
    region: str | None = None
    endpoint_url: str | None = None

    def client(self, service: str) -> Any:
        """Return the low-level client of `service` (boto3's name), with timeouts, standard retries and SigV4."""
        return _client(self, service)

    def account(self) -> str:
        """Return the account id of the caller, asked once of STS."""
        return _account(self)


@functools.lru_cache(maxsize=8)
def _session(profile: str | None, region: str | None) -> "boto3.Session":
    import boto3  # loads slower than a small command runs

    # boto3 reads only AWS_DEFAULT_REGION. AWS's other tools and Lambda set AWS_REGION.
    return boto3.Session(profile_name=profile, region_name=region or os.environ.get("AWS_REGION"))


@functools.lru_cache(maxsize=64)
def _client(connection: Connection, service: str) -> Any:
    from botocore.config import Config

    config = Config(
        connect_timeout=10,
        read_timeout=60,
        retries={"mode": "standard", "max_attempts": 5},
        signature_version="s3v4" if service == "s3" else None,
        max_pool_connections=32,
    )
    session = _session(connection.profile, connection.region)
    client = session.client(service, endpoint_url=connection.endpoint_url, config=config)
    client.meta.events.register("before-call", _check_request)
    if service == "s3control" and "amazonaws.com" not in client.meta.endpoint_url:
        client.meta.events.register_first("request-created.s3-control", _without_account_label)
    return client


@functools.lru_cache(maxsize=8)
def _account(connection: Connection) -> str:
    return str(connection.client("sts").get_caller_identity()["Account"])


def _check_request(params: "dict[str, Any]", **_: Any) -> None:
    check_headers(params["headers"])


def _without_account_label(request: Any, **_: Any) -> None:
    request.url = _ACCOUNT_LABEL.sub(r"\1", request.url)
