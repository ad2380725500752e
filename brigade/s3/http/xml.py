"""S3's XML documents: parse answers, encode the body of CompleteMultipartUpload."""

from collections.abc import Iterable, Mapping
from typing import Any
from xml.etree import ElementTree


def parse_document(body: bytes) -> ElementTree.Element | None:
    """Return the root of the document, or None if the body is not XML. Blanks around the document are ignored.

    S3 sends blanks to keep the connection open until CompleteMultipartUpload has ended.
    """
    # As in botocore: S3's XML is UTF-8, whatever the page of a proxy declares.
    parser = ElementTree.XMLParser(encoding="utf-8")  # noqa: S314 - S3's own answer; expat of 3.11 bounds entities
    try:
        return ElementTree.fromstring(body.strip(), parser)  # noqa: S314 - as above
    except ElementTree.ParseError:
        return None


def child_texts(element: ElementTree.Element) -> dict[str, str]:
    """Return the text of each child that has no children of its own, by its name without the namespace."""
    return {_name(child): child.text or "" for child in element if not len(child)}


def list_children(root: ElementTree.Element, item: str) -> list[dict[str, Any]]:
    """Return the texts of the children of each `item` below the root, by name."""
    return [child_texts(each) for each in root if _name(each) == item]


def encode_parts(listed: Iterable[Mapping[str, Any]]) -> bytes:
    """Return the body of CompleteMultipartUpload."""
    root = ElementTree.Element("CompleteMultipartUpload", xmlns="http://s3.amazonaws.com/doc/2006-03-01/")
    for part in listed:
        element = ElementTree.SubElement(root, "Part")
        for name, value in part.items():
            ElementTree.SubElement(element, name).text = str(value)
    return ElementTree.tostring(root)


def _name(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]
