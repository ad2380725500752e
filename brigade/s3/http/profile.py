"""The settings of an S3 client in the environment and in AWS's two files, as far as this package supports them.

Source: https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from brigade.s3.http.signature import AccessKeys

# Only botocore supports these.
_UNSUPPORTED = (
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "AWS_S3_USE_ARN_REGION",
    "AWS_SIGV4A_SIGNING_REGION_SET",
    "AWS_REQUEST_CHECKSUM_CALCULATION",
)
_PROXIES = ("https_proxy", "http_proxy", "all_proxy")
_UNSUPPORTED_OPTIONS = ("s3", "services", "use_fips_endpoint", "use_dualstack_endpoint", "proxy", "ca_bundle")
_DERIVED = ("role_arn", "source_profile", "credential_source", "credential_process", "web_identity_token_file")


@dataclass(frozen=True)
class S3Settings:
    """Region, endpoint and access keys. `keys` is None if botocore's chain must find them."""

    region: str
    endpoint: str | None
    keys: AccessKeys | None


def read_settings(
    environment: Mapping[str, str], *, profile: str | None, region: str | None, endpoint_url: str | None
) -> S3Settings | None:
    """Return the settings by the standard rules of AWS, or None if they need botocore.

    That is the case for FIPS and dual-stack endpoints, proxies, and a `s3` or `services` section of a profile.
    """
    name = profile or environment.get("AWS_PROFILE") or environment.get("AWS_DEFAULT_PROFILE") or "default"
    config = _section(environment.get("AWS_CONFIG_FILE") or "~/.aws/config", name, "profile ")
    if any(environment.get(each) for each in _UNSUPPORTED) or any(each in config for each in _UNSUPPORTED_OPTIONS):
        return None
    endpoint = (
        endpoint_url
        or environment.get("AWS_ENDPOINT_URL_S3")
        or environment.get("AWS_ENDPOINT_URL")
        or config.get("endpoint_url")
    )
    if _proxied(environment, endpoint):
        return None
    region = region or environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION") or config.get("region")
    return S3Settings(region or "us-east-1", endpoint, _keys(environment, config, name, explicit=profile is not None))


def _keys(environment: Mapping[str, str], config: Mapping[str, str], name: str, *, explicit: bool) -> AccessKeys | None:
    own = environment.get("AWS_ACCESS_KEY_ID"), environment.get("AWS_SECRET_ACCESS_KEY")
    if own[0] and own[1] and not explicit:
        if environment.get("AWS_CREDENTIAL_EXPIRATION"):
            return None
        return AccessKeys(own[0], own[1], environment.get("AWS_SESSION_TOKEN") or environment.get("AWS_SECURITY_TOKEN"))
    shared = _section(environment.get("AWS_SHARED_CREDENTIALS_FILE") or "~/.aws/credentials", name)
    derived = any(each in shared or each in config or environment.get(each.upper()) for each in _DERIVED)
    if derived or environment.get("AWS_WEB_IDENTITY_TOKEN_FILE") or any(each.startswith("sso_") for each in config):
        return None
    if "aws_access_key_id" not in shared or "aws_secret_access_key" not in shared:
        return None
    return AccessKeys(shared["aws_access_key_id"], shared["aws_secret_access_key"], shared.get("aws_session_token"))


def _section(path: str, name: str, prefix: str = "") -> Mapping[str, str]:
    file = Path(path).expanduser()
    if not file.is_file():
        return {}
    from configparser import ConfigParser

    parser = ConfigParser(interpolation=None, strict=False, default_section="\0")
    parser.read(file, encoding="utf-8")
    section = name if name == "default" and parser.has_section(name) else prefix + name
    return dict(parser[section]) if parser.has_section(section) else {}


def _proxied(environment: Mapping[str, str], endpoint: str | None) -> bool:
    host = urlsplit(endpoint).hostname if endpoint else None
    if host in {"127.0.0.1", "localhost", "::1"}:
        return False
    return any(environment.get(name) or environment.get(name.upper()) for name in _PROXIES)
