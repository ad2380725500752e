"""What an object carries besides its bytes, by boto3's names."""

import base64
import mimetypes
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

from brigade.errors import UsageError
from brigade.pipe.compress import SUFFIXES, Kind

_PACKED = {"gzip": "application/gzip", "zstd": "application/zstd"}


def content(key: str, given: str | None, compression: Kind | None) -> dict[str, str]:
    """Give ContentType and ContentEncoding: as given, else guessed from the key.

    What is compressed here is a file of that kind if the key says so (``.gz``), else an encoding of what the key says.
    """
    guessed, encoding = mimetypes.guess_type(key.rpartition("/")[2], strict=False)
    named: Kind | None = next((kind for kind, ends in SUFFIXES.items() if key.endswith(ends)), None)
    if named or encoding:
        kind = _PACKED.get(named or "", f"application/x-{encoding}")
        return {"ContentType": given or kind} | (
            {"ContentEncoding": compression} if compression not in {None, named} else {}
        )
    described = {"ContentType": given or guessed or "binary/octet-stream"}
    return described | ({"ContentEncoding": compression} if compression else {})


def pairs(values: Sequence[str], what: str) -> dict[str, str]:
    """Read ``name=value`` texts; fails with UsageError, naming ``what`` they are."""
    found = {}
    for each in values:
        name, mark, value = each.partition("=")
        if not (mark and name):
            raise UsageError(f"{what} is NAME=VALUE, not {each!r}")
        found[name] = value
    return found


def metadata(values: Sequence[str]) -> dict[str, str]:
    """Read metadata; its headers hold printable ASCII only."""
    found = pairs(values, "--metadata")
    for name, value in found.items():
        if not (name + value).isascii() or not (name + value).isprintable():
            raise UsageError(f"metadata {name!r} is not printable ASCII, which is all that its header holds")
    return found


def tagging(values: Sequence[str]) -> str:
    """Read tags as S3 takes them in a header; ten at most."""
    found = pairs(values, "--tag")
    if len(found) > 10:
        raise UsageError(f"an object has at most 10 tags, not {len(found)}")
    return "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in found.items())


def moment(text: str) -> datetime:
    """Read a time of ISO 8601 that says its offset from UTC."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"{text!r} is no time of ISO 8601, such as 2030-01-31T00:00:00Z") from error
    if found.tzinfo is None:
        raise UsageError(f"{text!r} does not say its offset from UTC: add Z or +01:00")
    return found


def customer_key(text: str) -> dict[str, Any]:
    """Give the arguments of SSE-C for a key of 256 bits in base64, or in the file after ``@``."""
    from pathlib import Path

    raw = Path(text[1:]).read_bytes() if text.startswith("@") else text.encode()
    if len(raw) != 32:
        try:
            raw = base64.b64decode(raw.strip(), validate=True)
        except ValueError:
            raw = b""
    if len(raw) != 32:
        raise UsageError("a customer's key is 32 bytes: in base64, or in the file named after @")
    return {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": raw}


class Keyed:
    """A client that gives the customer's key with every call that reads or writes bytes of an object."""

    _CALLS = frozenset(
        {
            "head_object",
            "get_object",
            "put_object",
            "create_multipart_upload",
            "upload_part",
            "complete_multipart_upload",
        }
    )

    def __init__(self, client: Any, key: Mapping[str, Any]) -> None:
        self._client, self._key = client, dict(key)

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._client, name)
        if name == "upload_part_copy":  # the key to read with, and the key to write with
            source = {f"CopySource{field}": value for field, value in self._key.items()}
            return lambda **arguments: call(**arguments, **self._key, **source)
        if name not in self._CALLS:
            return call
        return lambda **arguments: call(**arguments, **self._key)
