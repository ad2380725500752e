"""What an object carries besides its bytes, by boto3's names."""

import base64
import mimetypes
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

from brigade.codec import SUFFIXES, Compression
from brigade.errors import UsageError
from brigade.headers import check_headers, check_metadata
from brigade.s3.conditions import TOKEN

_PACKED = {"gzip": "application/gzip", "zstd": "application/zstd"}


def content(key: str, given: str | None, compression: Compression | None) -> dict[str, str]:
    """Give ContentType and ContentEncoding: as given, else guessed from the key.

    What is compressed here is a file of that kind if the key says so (``.gz``), else an encoding of what the key says.
    """
    guessed, encoding = mimetypes.guess_type(key.rpartition("/")[2], strict=False)
    named: Compression | None = next((kind for kind, ends in SUFFIXES.items() if key.endswith(ends)), None)
    if named or encoding:
        kind = _PACKED.get(named or "", f"application/x-{encoding}")
        return {"ContentType": given or kind} | (
            {"ContentEncoding": compression} if compression not in {None, named} else {}
        )
    described = {"ContentType": given or guessed or "binary/octet-stream"}
    return described | ({"ContentEncoding": compression} if compression else {})


def pairs(values: Sequence[str], what: str) -> dict[str, str]:
    """Return `NAME=VALUE` texts by name.

    Raises:
        UsageError: A text has another form, or a name is there twice. The message names `what` they are.
    """
    found: dict[str, str] = {}
    for each in values:
        name, mark, value = each.partition("=")
        if not (mark and name):
            raise UsageError(f"{what} is NAME=VALUE, not {each!r}")
        if name in found:
            raise UsageError(f"{what} {name!r} is given twice: S3 keeps one")
        found[name] = value
    return found


def tagging(values: Sequence[str]) -> str:
    """Return tags in the form that S3 reads from a header.

    Raises:
        UsageError: S3 takes no such tags: more than 10, a name over 128 or a value over 256 characters, or a character
            that is not printable.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_Tag.html
    """
    found = pairs(values, "--tag")
    if len(found) > 10:
        raise UsageError(f"an object has at most 10 tags, not {len(found)}")
    for name, value in found.items():
        if len(name) > 128 or len(value) > 256:
            raise UsageError(f"tag {name!r}: a name has at most 128 characters, a value 256")
        if not (name + value).isprintable():
            raise UsageError(f"tag {name!r} has a character that is not printable")
    return "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in found.items())


def check_attributes(attributes: Mapping[str, Any]) -> None:
    """Raise UsageError unless headers carry all of it unchanged and S3 keeps it. Nothing is sent before.

    Args:
        attributes: What an object shall carry, by boto3's names of PutObject's arguments.
    """
    metadata = attributes.get("Metadata") or {}
    check_metadata(metadata)
    if reserved := next((name for name in metadata if name.lower() == TOKEN), None):
        raise UsageError(f"metadata {reserved!r} is reserved: pipes know their own writes by it")
    check_headers({name: value for name, value in attributes.items() if isinstance(value, str)})


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
