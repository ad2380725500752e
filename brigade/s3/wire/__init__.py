"""S3's own HTTP for those who cannot wait for boto3; see ``client``."""

import os
from collections.abc import Callable
from typing import Any

from brigade.s3.wire.sign import Keys


def connect(*, profile: str | None = None, region: str | None = None, endpoint_url: str | None = None) -> Any | None:
    """Make a client of S3 by the standard chain of settings, or give None where only boto3 knows what they ask for.

    Reads the environment and AWS's two files; contacts nothing, but for credentials that have to be fetched.
    """
    from brigade.s3.wire.client import Client
    from brigade.s3.wire.http import Http
    from brigade.s3.wire.profile import Place, place

    def settings() -> Place | None:
        return place(os.environ, profile=profile, region=region, endpoint_url=endpoint_url)

    where = settings()
    keys = (_renewed(where.keys, settings) if where.keys else _fetched(profile)) if where else None
    if where is None or keys is None:
        return None
    return Client(Http(where.region, where.endpoint, keys, os.environ.get("AWS_CA_BUNDLE")))


def _renewed(first: Keys, settings: Callable[[], Any]) -> Callable[[bool], Keys]:
    """Give keys that another program may renew in AWS's files: read again once S3 says that they have expired."""
    current = first

    def keys(expired: bool) -> Keys:
        nonlocal current
        if expired:
            found = settings()
            current = found.keys if found and found.keys else current
        return current

    return keys


def _fetched(profile: str | None) -> Callable[[bool], Keys] | None:
    """Give keys by botocore's chain (roles, SSO, processes), which renews them before they expire."""
    import botocore.session

    found = botocore.session.Session(profile=profile).get_credentials()
    if found is None:
        return None

    def keys(expired: bool) -> Keys:
        frozen = found.get_frozen_credentials()
        return Keys(frozen.access_key, frozen.secret_key, frozen.token)

    return keys
