"""Checks of HTTP headers, before a request leaves the process."""

import re
from collections.abc import Mapping
from typing import Any

from brigade.errors import InvalidData, UsageError

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def check_headers(headers: Mapping[str, Any]) -> None:
    r"""Raise UsageError unless HTTP carries every header unchanged. The message never has a value: some are keys.

    A line break in a value would start another header: `text/plain\r\nx-amz-acl: public-read` makes an object public.

    Source: RFC 9110, sections 5.1 (names are tokens) and 5.5 (no control characters, no blanks at the ends).
    """
    seen: dict[str, str] = {}
    for name, value in headers.items():
        if not _TOKEN.fullmatch(name):
            raise UsageError(f"{name!r} cannot be the name of a header: use letters, digits, - and _; nothing was sent")
        if (other := seen.setdefault(name.lower(), name)) != name:
            raise UsageError(f"headers {other!r} and {name!r} differ only by case: S3 keeps one; nothing was sent")
        if isinstance(value, bytes):
            value = value.decode("latin-1")  # noqa: PLW2901 - the same header, as text
        if isinstance(value, str) and (fault := _fault(value)):
            raise UsageError(f"the value of header {name} {fault}; nothing was sent")


def check_metadata(metadata: Mapping[str, str]) -> None:
    """Raise UsageError unless S3 keeps the metadata as it is: names are header tokens, everything is printable ASCII.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html
    """
    seen: dict[str, str] = {}
    for name, value in metadata.items():
        if not _TOKEN.fullmatch(name):
            raise UsageError(f"metadata name {name!r}: use letters, digits, - and _ only; nothing was sent")
        if (other := seen.setdefault(name.lower(), name)) != name:
            raise UsageError(f"metadata {other!r} and {name!r} differ only by case: S3 keeps one; nothing was sent")
        if not (value.isascii() and value.isprintable()):
            raise UsageError(f"metadata {name!r} is not printable ASCII, which is all that its header holds")
        if fault := _fault(value):
            raise UsageError(f"metadata {name!r} {fault}; nothing was sent")


def sent_text(received: str) -> str:
    """Return the text of a header that was received, as it has to be given to boto3 to be sent with the same bytes.

    Python's HTTP client decodes each byte of a header as one character, and boto3 sends text as UTF-8: a text that is
    handed on as it came is encoded twice.

    Raises:
        InvalidData: The header is not UTF-8, so boto3 cannot send its bytes.
    """
    try:
        return received.encode("latin-1").decode()
    except UnicodeError:
        raise InvalidData(f"the header {received!r} is not UTF-8, so it cannot be kept as it is") from None


def _fault(value: str) -> str | None:
    """Return why a header cannot carry the value, or None."""
    for character in value if not (value.isascii() and value.isprintable()) else "":
        code = ord(character)
        if code < 0x20 or 0x7F <= code < 0xA0:
            return f"has the control character U+{code:04X}"
        if 0xD800 <= code < 0xE000:
            return "is not valid UTF-8"
    return "starts or ends with a blank, which HTTP drops" if value != value.strip(" ") else None
