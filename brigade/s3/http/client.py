"""An S3 client with the calls that pipes need, in the shape of boto3's client, without botocore's model.

It has boto3's names, arguments, answers and errors, as far as `brigade.s3` uses them. It loads in a fraction of boto3's
time and moves a body from the caller's buffer to the socket without a copy. Figures: docs/decisions/0004-pipe-body.md.
"""

import base64
import hashlib
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from types import SimpleNamespace, TracebackType
from typing import Any, Self
from urllib.parse import quote, unquote_plus

from brigade.headers import check_metadata
from brigade.s3.http.names import QUERY_PARAMETERS, REQUEST_HEADERS, RESPONSE_HEADERS
from brigade.s3.http.session import HttpAnswer, HttpRequest, HttpSession


class HttpClient:
    """The S3 calls that pipes need. Thread-safe."""

    def __init__(self, http: HttpSession) -> None:
        self._http = http

    @property
    def meta(self) -> SimpleNamespace:
        """An object with `endpoint_url`, as boto3's client has it."""
        return SimpleNamespace(endpoint_url=self._http.endpoint_url)

    def close(self) -> None:
        """Close the idle connections. Later calls open new ones."""
        self._http.close()

    def head_object(self, **arguments: Any) -> dict[str, Any]:
        """HeadObject."""
        return _read_headers(self._ask("HeadObject", "HEAD", arguments))

    def get_object(self, **arguments: Any) -> dict[str, Any]:
        """GetObject. `Body` has `read`, `readinto` and `close`, and is a context manager."""
        answer = self._ask("GetObject", "GET", arguments, stream=True)
        return {**_read_headers(answer), "Body": ResponseBody(self._http, answer)}

    def put_object(self, **arguments: Any) -> dict[str, Any]:
        """PutObject."""
        return _read_headers(self._ask("PutObject", "PUT", arguments))

    def delete_object(self, **arguments: Any) -> dict[str, Any]:
        """DeleteObject."""
        return _read_headers(self._ask("DeleteObject", "DELETE", arguments))

    def create_multipart_upload(self, **arguments: Any) -> dict[str, Any]:
        """CreateMultipartUpload."""
        answer = self._ask("CreateMultipartUpload", "POST", arguments, query={"uploads": ""})
        return _read_document(answer)

    def upload_part(self, **arguments: Any) -> dict[str, Any]:
        """UploadPart."""
        return _read_headers(self._ask("UploadPart", "PUT", arguments))

    def upload_part_copy(self, **arguments: Any) -> dict[str, Any]:
        """UploadPartCopy."""
        return {"CopyPartResult": _read_document(self._ask("UploadPartCopy", "PUT", arguments))}

    def complete_multipart_upload(self, **arguments: Any) -> dict[str, Any]:
        """CompleteMultipartUpload."""
        from brigade.s3.http.xml import encode_parts

        body = encode_parts(arguments.pop("MultipartUpload")["Parts"])
        answer = self._ask("CompleteMultipartUpload", "POST", {**arguments, "Body": body})
        headers = _read_headers(answer)
        headers.pop("ETag", None)  # S3 names the object in the document. A header of that name is a proxy's.
        return {**headers, **_read_document(answer)}

    def abort_multipart_upload(self, **arguments: Any) -> dict[str, Any]:
        """AbortMultipartUpload."""
        return _read_headers(self._ask("AbortMultipartUpload", "DELETE", arguments))

    def list_parts(self, **arguments: Any) -> dict[str, Any]:
        """ListParts."""
        return _read_document(self._ask("ListParts", "GET", arguments), "Part", "Parts")

    def list_multipart_uploads(self, **arguments: Any) -> dict[str, Any]:
        """ListMultipartUploads. It does not ask for encoded keys: SeaweedFS answers that they are, but encodes none."""
        answer = self._ask("ListMultipartUploads", "GET", arguments, query={"uploads": ""})
        return _read_document(answer, "Upload", "Uploads")

    def list_objects_v2(self, **arguments: Any) -> dict[str, Any]:
        """ListObjectsV2."""
        query = {"list-type": "2", "encoding-type": "url"}
        return _read_document(
            self._ask("ListObjectsV2", "GET", arguments, query=query), "Contents", "Contents", encoded=True
        )

    def _ask(
        self,
        name: str,
        method: str,
        arguments: dict[str, Any],
        *,
        stream: bool = False,
        query: dict[str, str] | None = None,
    ) -> HttpAnswer:
        request = HttpRequest(name, method, arguments.pop("Bucket"), arguments.pop("Key", None), query=query or {})
        request.body = arguments.pop("Body", b"")
        for argument, value in arguments.items():
            if argument in QUERY_PARAMETERS:
                request.query[QUERY_PARAMETERS[argument]] = str(value)
            else:
                request.headers.update(_header(argument, value))
        return self._http.ask(request, stream=stream)


class ResponseBody:
    """The bytes of an answer. A broken connection raises botocore's ResponseStreamingError."""

    def __init__(self, http: HttpSession, answer: HttpAnswer) -> None:
        self._http, self._answer, self._response = http, answer, answer.response

    def read(self, amount: int | None = None) -> bytes:
        """Return up to `amount` bytes, or all."""
        try:
            return self._response.read(amount)
        except OSError as error:
            raise _broken_off(error) from error

    def readinto(self, buffer: memoryview) -> int:
        """Read once into the buffer and return the number of bytes; 0 at the end."""
        try:
            return self._response.readinto(buffer)
        except OSError as error:
            raise _broken_off(error) from error

    def close(self) -> None:
        """Return the connection to the session."""
        self._http.release(self._answer)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _header(argument: str, value: Any) -> dict[str, str]:
    if argument == "Metadata":
        check_metadata(value)
        return {f"x-amz-meta-{name.lower()}": text for name, text in value.items()}
    if argument.endswith("SSECustomerKey"):
        key = value.encode() if isinstance(value, str) else value
        source = "copy-source-" if argument.startswith("CopySource") else ""
        name = f"x-amz-{source}server-side-encryption-customer-key"
        digest = hashlib.md5(key, usedforsecurity=False).digest()
        return {name: base64.b64encode(key).decode(), f"{name}-md5": base64.b64encode(digest).decode()}
    if argument == "CopySource":
        source = f"{value['Bucket']}/{value['Key']}"
        return {"x-amz-copy-source": quote(source, safe="/-_.~")}
    if not isinstance(value, datetime):
        return {REQUEST_HEADERS[argument]: str(value)}
    from email.utils import format_datetime

    when = value.astimezone(UTC)
    text = format_datetime(when, usegmt=True) if argument == "Expires" else when.strftime("%Y-%m-%dT%H:%M:%SZ")
    return {REQUEST_HEADERS[argument]: text}


def _read_headers(answer: HttpAnswer) -> dict[str, Any]:
    given: dict[str, Any] = {
        RESPONSE_HEADERS[name]: value for name, value in answer.headers.items() if name in RESPONSE_HEADERS
    }
    metadata = {
        name.removeprefix("x-amz-meta-"): value
        for name, value in answer.headers.items()
        if name.startswith("x-amz-meta-")
    }
    given.update(
        Metadata=metadata, ResponseMetadata={"HTTPStatusCode": answer.status, "HTTPHeaders": dict(answer.headers)}
    )
    for header, argument in (("content-length", "ContentLength"), ("x-amz-mp-parts-count", "PartsCount")):
        if answer.headers.get(header, "").isdigit():
            given[argument] = int(answer.headers[header])
    if "last-modified" in answer.headers:
        with suppress(ValueError):  # not a time: the answer then lacks it, and the reader refuses that
            given["LastModified"] = _parse_time(answer.headers["last-modified"])
    return given


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _parse_time(text: str) -> datetime:
    """Return the time of an HTTP header: `Sun, 22 Nov 2026 14:00:00 GMT`.

    The e-mail parser, which takes 10 ms to load, parses other forms.

    Raises:
        ValueError: Neither of them can parse it.
    """
    _, *fields, zone = text.split(" ")
    if zone == "GMT" and len(fields) == 4 and fields[1] in _MONTHS:
        hour, minute, second = (int(each) for each in fields[3].split(":"))
        day, month, year = int(fields[0]), _MONTHS.index(fields[1]) + 1, int(fields[2])
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    from email.utils import parsedate_to_datetime

    return parsedate_to_datetime(text)


def _broken_off(error: OSError) -> Exception:
    from botocore.exceptions import ResponseStreamingError

    broken: Exception = ResponseStreamingError(error=error)
    return broken


_NUMBERS = (
    "KeyCount",
    "MaxKeys",
    "MaxParts",
    "MaxUploads",
    "NextPartNumberMarker",
    "PartNumber",
    "PartNumberMarker",
    "Size",
)
_TIMES = ("Initiated", "LastModified")
_ENCODED = ("Delimiter", "Key", "Prefix", "StartAfter")
_BOOLEANS = {"true": True, "false": False}


def _read_document(
    answer: HttpAnswer, item: str | None = None, name: str = "", *, encoded: bool = False
) -> dict[str, Any]:
    """Return an answer's document in boto3's shape: texts, numbers, times and a list of items.

    An element that the document lacks is missing in the result.

    Args:
        item: The name of the elements in the list.
        name: The key of the list in the result.
        encoded: Whether keys in percent form were requested. They are decoded if the answer says so. A space is `+`.

    Raises:
        HTTPClientError: A number, a time or a key cannot be read.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html, EncodingType.
    """
    from brigade.s3.http.xml import child_texts, list_children

    if answer.document is None:
        raise TypeError("only an answer in XML is read")
    try:
        found = child_texts(answer.document)
        decode = encoded and found.get("EncodingType") == "url"
        given = _convert(found, decode=decode)
        if item:
            given[name] = [_convert(each, decode=decode) for each in list_children(answer.document, item)]
    except (ValueError, KeyError) as error:
        from botocore.exceptions import HTTPClientError

        raise HTTPClientError(error=f"the answer cannot be read: {error}") from error
    return given


def _convert(found: Mapping[str, str], *, decode: bool) -> dict[str, Any]:
    given: dict[str, Any] = dict(found)
    for name, text in found.items():
        if name in _NUMBERS:
            given[name] = int(text)
        elif name in _TIMES:
            given[name] = datetime.fromisoformat(text)
        elif name == "IsTruncated":
            given[name] = _BOOLEANS[text]
        elif decode and name in _ENCODED:
            given[name] = unquote_plus(text, errors="strict")  # never another key
    return given
