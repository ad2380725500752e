"""The attributes of an object, by boto3's names: content type, tags, times, a customer's key."""

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


def content_headers(key: str, given: str | None, compression: Compression | None) -> dict[str, str]:
    """Return ContentType and ContentEncoding. The type is `given`, or guessed from the key.

    If the key has the suffix of `compression` (`.gz`), the object is a compressed file. Otherwise the compression is
    its content encoding, and the key decides on its type.
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


def parse_pairs(values: Sequence[str], what: str) -> dict[str, str]:
    """Return `NAME=VALUE` texts as a dictionary.

    Args:
        what: The name of the option, for errors.

    Raises:
        UsageError: A text has another form, or a name occurs twice.
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


def parse_tags(values: Sequence[str]) -> str:
    """Return tags as the value of S3's header for them.

    Raises:
        UsageError: More than 10 tags, a name over 128 or a value over 256 characters, or a character that is not
            printable.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_Tag.html
    """
    found = parse_pairs(values, "--tag")
    if len(found) > 10:
        raise UsageError(f"an object has at most 10 tags, not {len(found)}")
    for name, value in found.items():
        if len(name) > 128 or len(value) > 256:
            raise UsageError(f"tag {name!r}: a name has at most 128 characters, a value 256")
        if not (name + value).isprintable():
            raise UsageError(f"tag {name!r} has a character that is not printable")
    return "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in found.items())


def check_attributes(attributes: Mapping[str, Any]) -> None:
    """Raise UsageError unless headers carry all attributes unchanged and S3 keeps them. Nothing is sent.

    Args:
        attributes: Arguments of PutObject, by boto3's names.
    """
    metadata = attributes.get("Metadata") or {}
    check_metadata(metadata)
    if reserved := next((name for name in metadata if name.lower() == TOKEN), None):
        raise UsageError(f"metadata {reserved!r} is reserved: pipes know their own writes by it")
    check_headers({name: value for name, value in attributes.items() if isinstance(value, str)})


def parse_time(text: str) -> datetime:
    """Parse a time of ISO 8601 with an offset from UTC."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"{text!r} is no time of ISO 8601, such as 2030-01-31T00:00:00Z") from error
    if found.tzinfo is None:
        raise UsageError(f"{text!r} has no offset from UTC: add Z or +01:00")
    return found


def read_customer_key(text: str) -> dict[str, Any]:
    """Return the arguments of SSE-C for a key of 256 bits: in base64, or in the file named after `@`."""
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


class SseCustomerClient:
    """An S3 client that adds the customer's key (SSE-C) to every call that reads or writes an object."""

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
        if name == "upload_part_copy":  # both the key of the source and the key of the copy
            source = {f"CopySource{field}": value for field, value in self._key.items()}
            return lambda **arguments: call(**arguments, **self._key, **source)
        if name not in self._CALLS:
            return call
        return lambda **arguments: call(**arguments, **self._key)
