"""REST-XML of S3 Control, read and written by the shapes of botocore's service model."""

import re
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any
from xml.etree.ElementTree import Element, ParseError, SubElement, fromstring, tostring

from botocore.loaders import Loader
from botocore.model import ServiceModel, Shape

NAMESPACE = "http://awss3control.amazonaws.com/doc/2018-08-20/"


class Fault(Exception):
    """An error response with the `code` and the `status` of S3 Control."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


@cache
def _model() -> ServiceModel:
    return ServiceModel(Loader().load_service_model("s3control", "service-2"), "s3control")


def request_body(operation: str, body: bytes) -> dict[str, Any]:
    """Parse the body of a request into the dict that boto3 received, checked against the model.

    Lengths, ranges, patterns, enumerations, required members and unions are the model's own; element order is free.

    Args:
        operation: ``CreateJob`` or ``PutJobTagging``.
        body: XML as it arrived; a document type is refused.

    Raises:
        Fault: MalformedXML, or BadRequestException that names the first member that is wrong.
    """
    if b"<!DOCTYPE" in body:
        raise Fault("MalformedXML", "A document type is not accepted")
    try:
        root = fromstring(body)  # noqa: S314 - without a document type, refused above, there are no entities to expand
    except ParseError as error:
        raise Fault("MalformedXML", f"The XML you provided was not well-formed: {error}") from error
    shape = _model().operation_model(operation).input_shape
    expected = shape.serialization["name"]
    if _tag(root) != expected:
        raise Fault("MalformedXML", f"The root element must be {expected}, not {_tag(root)}")
    value: dict[str, Any] = _read(shape, root, expected, body_only=True)
    return value


def response_body(operation: str, value: Mapping[str, Any]) -> bytes:
    """Return a response body. Datetimes are ISO 8601 with milliseconds; members that are None are left out."""
    shape = _model().operation_model(operation).output_shape
    root = Element(f"{operation}Result", xmlns=NAMESPACE)
    _write(shape, value, root)
    return _document(root)


def error_body(fault: Fault) -> bytes:
    """Return the wrapped error document: SDKs other than botocore do not read the code in a bare `<Error>`."""
    root = Element("ErrorResponse")
    error = SubElement(root, "Error")
    SubElement(error, "Type").text = "Sender" if fault.status < 500 else "Receiver"
    SubElement(error, "Code").text = fault.code
    SubElement(error, "Message").text = fault.message
    SubElement(root, "RequestId").text = str(uuid.uuid4())
    return _document(root)


def check(operation: str, member: str, text: str) -> Any:
    """Read one header, path or query member of an operation by its model, as :func:`request_body` does those of XML.

    Of a member that is a list, one of its items.
    """
    shape = _model().operation_model(operation).input_shape.members[member]
    return _scalar(shape.member if shape.type_name == "list" else shape, text, member)


def _document(root: Element) -> bytes:
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + bytes(tostring(root, encoding="utf-8"))


def _tag(element: Element) -> str:
    return element.tag.rpartition("}")[2]


def _bad(path: str, problem: str) -> Fault:
    return Fault("BadRequestException", f"Request invalid: {path} {problem}")


def _read(shape: Shape, element: Element, path: str, *, body_only: bool = False) -> Any:
    if shape.type_name == "structure":
        return _structure(shape, element, path, body_only=body_only)
    if shape.type_name == "list":
        values = [_read(shape.member, child, f"{path}[{i}]") for i, child in enumerate(element)]
        return _sized(shape, values, path)
    if shape.type_name == "map":
        pairs = {}
        for entry in element:
            found = {_tag(child): child for child in entry}
            if set(found) != {"key", "value"}:
                raise _bad(path, "must hold <entry><key/><value/></entry>")
            key = _read(shape.key, found["key"], f"{path} key")
            pairs[key] = _read(shape.value, found["value"], f"{path}[{key}]")
        return _sized(shape, pairs, path)
    return _scalar(shape, element.text or "", path)


def _structure(shape: Shape, element: Element, path: str, *, body_only: bool) -> dict[str, Any]:
    members = {
        member.serialization.get("name", name): (name, member)
        for name, member in shape.members.items()
        if not (body_only and "location" in member.serialization)
    }
    value: dict[str, Any] = {}
    for child in element:
        if _tag(child) not in members:
            raise _bad(path, f"takes no {_tag(child)}")
        name, member = members[_tag(child)]
        if name in value:
            raise _bad(f"{path}.{name}", "is given twice")
        value[name] = _read(member, child, f"{path}.{name}")
    wanted = {name for name, _ in members.values()}
    for name in shape.required_members:
        if name in wanted and name not in value:
            raise _bad(f"{path}.{name}", "is required")
    if getattr(shape, "is_tagged_union", False) and len(value) != 1:
        raise _bad(path, "takes exactly one member")
    return value


def _scalar(shape: Shape, text: str, path: str) -> Any:
    if shape.type_name == "boolean":
        if text not in {"true", "false"}:
            raise _bad(path, f"must be true or false, not {text!r}")
        return text == "true"
    if shape.type_name in {"integer", "long"}:
        if not re.fullmatch(r"[+-]?\d{1,19}", text):
            raise _bad(path, f"must be a whole number, not {text!r}")
        number = int(text)
        limits = shape.metadata
        if not limits.get("min", number) <= number <= limits.get("max", number):
            raise _bad(path, f"must be from {limits.get('min')} to {limits.get('max')}, not {number}")
        return number
    if shape.type_name == "string":
        pattern = shape.metadata.get("pattern")
        # Some of the model's patterns hold Java's syntax; those are judged by who uses the value.
        if pattern and "\\p{" not in pattern and not re.fullmatch(pattern, text):
            raise _bad(path, f"must match {pattern}")
        if shape.enum and text not in shape.enum:
            raise _bad(path, f"must be one of {', '.join(shape.enum)}, not {text!r}")
        return _sized(shape, text, path)
    return text


def _sized(shape: Shape, value: Any, path: str) -> Any:
    low, high = shape.metadata.get("min", 0), shape.metadata.get("max", len(value))
    if not low <= len(value) <= high:
        raise _bad(path, f"must have a length from {low} to {high}, not {len(value)}")
    return value


def _write(shape: Shape, value: Any, parent: Element) -> None:
    if shape.type_name == "structure":
        for name, member in shape.members.items():
            if value.get(name) is not None:
                _write(member, value[name], SubElement(parent, member.serialization.get("name", name)))
    elif shape.type_name == "list":
        for item in value:
            _write(shape.member, item, SubElement(parent, shape.member.serialization.get("name", "member")))
    elif shape.type_name == "map":
        for key, item in value.items():
            entry = SubElement(parent, "entry")
            SubElement(entry, "key").text = key
            _write(shape.value, item, SubElement(entry, "value"))
    elif shape.type_name == "boolean":
        parent.text = "true" if value else "false"
    elif isinstance(value, datetime):
        parent.text = instant(value)
    else:
        parent.text = str(value)


def instant(moment: datetime) -> str:
    """Return a time as AWS writes it: UTC, milliseconds, `Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
