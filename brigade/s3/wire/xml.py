"""S3's XML, as far as the wire reads and writes it."""

from collections.abc import Iterable, Mapping
from typing import Any
from xml.etree import ElementTree


def texts(body: bytes) -> dict[str, str]:
    """Give the text of each direct child of the root, by name."""
    return {_name(child): child.text or "" for child in _root(body)}


def lists(body: bytes, item: str) -> list[dict[str, Any]]:
    """Give each ``item`` under the root as its children's texts, by name."""
    return [{_name(child): child.text or "" for child in each} for each in _root(body) if _name(each) == item]


def parts(listed: Iterable[Mapping[str, Any]]) -> bytes:
    """Write the body of CompleteMultipartUpload; numbers, ETags and base64 need no escape."""
    inner = "".join(
        "<Part>" + "".join(f"<{name}>{value}</{name}>" for name, value in part.items()) + "</Part>" for part in listed
    )
    space = "http://s3.amazonaws.com/doc/2006-03-01/"
    return f'<CompleteMultipartUpload xmlns="{space}">{inner}</CompleteMultipartUpload>'.encode()


def _root(body: bytes) -> ElementTree.Element:
    return ElementTree.fromstring(body.strip())  # noqa: S314 - S3's own answer; expat of 3.11 bounds entities


def _name(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]
