"""A small S3 client for programs that must start faster than boto3 loads; see `client`."""

import os
from collections.abc import Callable
from typing import Any

from brigade.s3.http.signature import AccessKeys


def connect(*, profile: str | None = None, region: str | None = None, endpoint_url: str | None = None) -> Any | None:
    """Return an S3 client for the standard settings of AWS, or None if only boto3 supports them.

    Reads the environment and AWS's two files. Contacts nothing, except to fetch credentials.
    """
    from brigade.s3.http.client import HttpClient
    from brigade.s3.http.profile import S3Settings, read_settings
    from brigade.s3.http.session import HttpSession

    def current_settings() -> S3Settings | None:
        return read_settings(os.environ, profile=profile, region=region, endpoint_url=endpoint_url)

    settings = current_settings()
    if settings is None:
        return None
    keys = _renew_keys(settings.keys, current_settings) if settings.keys else _fetch_keys(profile)
    if keys is None:
        return None
    return HttpClient(HttpSession(settings.region, settings.endpoint, keys, os.environ.get("AWS_CA_BUNDLE")))


def _renew_keys(first: AccessKeys, current_settings: Callable[[], Any]) -> Callable[[bool], AccessKeys]:
    """Return a function for keys in AWS's files, which another program may renew. Expired keys are read again."""
    current = first

    def keys(expired: bool) -> AccessKeys:
        nonlocal current
        if expired:
            settings = current_settings()
            current = settings.keys if settings and settings.keys else current
        return current

    return keys


def _fetch_keys(profile: str | None) -> Callable[[bool], AccessKeys] | None:
    """Return a function for keys of botocore's chain (roles, SSO, processes), which renews them before they expire."""
    import botocore.session

    credentials = botocore.session.Session(profile=profile).get_credentials()
    if credentials is None:
        return None

    def keys(expired: bool) -> AccessKeys:
        frozen = credentials.get_frozen_credentials()
        return AccessKeys(frozen.access_key, frozen.secret_key, frozen.token)

    return keys
