"""Signature Version 4 of an S3 request, in a header.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
"""

import functools
import hashlib
import hmac
import time
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import quote

UNSIGNED = "UNSIGNED-PAYLOAD"


class AccessKeys(NamedTuple):
    """The keys of a caller. `token` belongs to temporary credentials."""

    access_key: str
    secret_key: str
    token: str | None = None


def encode_path(key: str) -> str:
    """Return a key as a URL path: every byte in percent form, except the unreserved ones and `/`."""
    return quote(key, safe="/-_.~")


def encode_query(query: Mapping[str, str]) -> str:
    """Return a query as it is sent and signed: sorted, in percent form."""
    return "&".join(f"{quote(name, safe='-_.~')}={quote(query[name], safe='-_.~')}" for name in sorted(query))


def sign_headers(
    method: str,
    path: str,
    query: str,
    headers: Mapping[str, str],
    keys: AccessKeys,
    region: str,
    now: float | None = None,
) -> dict[str, str]:
    """Return the headers together with those that sign the request.

    The signature does not cover the body, as every SDK leaves it out over TLS. It covers the checksum header.

    Args:
        path: As it is sent.
        query: As it is sent.
        headers: Lower-case names, `host` included.
        now: Unix time in seconds.
    """
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    full = {**headers, "x-amz-date": stamp, "x-amz-content-sha256": UNSIGNED}
    if keys.token:
        full["x-amz-security-token"] = keys.token
    names = sorted(full)
    listed = ";".join(names)
    lines = "".join(f"{name}:{' '.join(full[name].split())}\n" for name in names)
    canonical = f"{method}\n{path}\n{query}\n{lines}\n{listed}\n{UNSIGNED}"
    scope = f"{stamp[:8]}/{region}/s3/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    signature = hmac.new(_signing_key(keys.secret_key, stamp[:8], region), text.encode(), hashlib.sha256).hexdigest()
    full["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={keys.access_key}/{scope}, SignedHeaders={listed}, Signature={signature}"
    )
    return full


@functools.lru_cache(maxsize=8)
def _signing_key(secret_key: str, day: str, region: str) -> bytes:
    key = f"AWS4{secret_key}".encode()
    for step in (day, region, "s3", "aws4_request"):
        key = hmac.digest(key, step.encode(), "sha256")
    return key
