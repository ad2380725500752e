"""HTTP to S3: signed requests over kept-alive connections, with retries."""

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from brigade.headers import check_headers
from brigade.retry import RETRYABLE_CODES, RETRYABLE_STATUS, backoff
from brigade.s3.http.connection import Buffer, HttpConnection, HttpResponse, StaleConnection
from brigade.s3.http.signature import AccessKeys, encode_path, encode_query, sign_headers

if TYPE_CHECKING:
    import ssl
    from xml.etree.ElementTree import Element

    from botocore.exceptions import ClientError, EndpointConnectionError, HTTPClientError

TRIES = 5
_RETRYABLE_STATUS = RETRYABLE_STATUS | {408}
_XML = {
    "CompleteMultipartUpload",
    "CreateMultipartUpload",
    "ListMultipartUploads",
    "ListObjectsV2",
    "ListParts",
    "UploadPartCopy",
}
_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "InvalidAccessKeyId"}
_PARTITIONS = {"cn-": "amazonaws.com.cn", "eusc-": "amazonaws.eu"}


@dataclass
class HttpRequest:
    """One request before it is signed. `name` is the operation, for errors."""

    name: str
    method: str
    bucket: str
    key: str | None = None
    query: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    body: Buffer = b""


@dataclass
class HttpAnswer:
    """An answer that is no error. `body` is empty if the caller asked for a stream, which `response` then is."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    response: HttpResponse
    connection: HttpConnection
    place: tuple[str, str]
    document: "Element | None" = None


class HttpSession:
    """Send requests to S3 from any number of threads. Each thread has its own connection, and connections are kept.

    A request is tried up to 5 times after throttling, a 5xx or a broken connection, with exponential backoff. An idle
    connection that the server has closed does not count as a try: GET, HEAD, PUT and DELETE are sent again at once on a
    new one. An answer that names another region of the bucket, or expired credentials, causes one more try with those.
    """

    def __init__(
        self, region: str, endpoint: str | None, keys: Callable[[bool], AccessKeys], ca_bundle: str | None
    ) -> None:
        self._region, self._endpoint, self._keys, self._ca_bundle = region, endpoint, keys, ca_bundle
        self._regions: dict[str, str] = {}
        self._idle: dict[tuple[str, str], list[HttpConnection]] = {}
        self._lock = threading.Lock()
        self._tls: ssl.SSLContext | None = None

    @property
    def endpoint_url(self) -> str:
        """The endpoint, as boto3's client has it."""
        return self._endpoint or f"https://s3.{self._region}.{_suffix(self._region)}"

    def ask(self, request: HttpRequest, *, stream: bool = False) -> HttpAnswer:
        """Send the request and return its answer.

        Args:
            stream: Whether to leave the body unread in `response`.

        Raises:
            botocore.exceptions.ClientError: S3 refused.
            botocore.exceptions.HTTPClientError: No answer came.
        """
        failure: Exception = RuntimeError("unreachable")
        followed: set[str] = set()
        attempt = 0
        while attempt < TRIES:
            if attempt:
                time.sleep(backoff(attempt, 0.1, 20.0))
            try:
                answer = self._once(request, stream)
                error = _error(request, answer)
                if error is None:
                    return answer
                failure = error
                if hint := self._follow_hint(request, error, followed):
                    followed.add(hint)
                    continue
                status = error.response["ResponseMetadata"]["HTTPStatusCode"]
                if status not in _RETRYABLE_STATUS and error.response["Error"]["Code"] not in RETRYABLE_CODES:
                    break
            except OSError as lost:
                failure = _lost(lost, request)
                self.close()  # after one broken connection, the server has broken or will break the others
                if getattr(lost, "verify_code", 0):  # ssl.SSLCertVerificationError: a retry changes no certificate
                    break
            attempt += 1
        raise failure

    def release(self, answer: HttpAnswer) -> None:
        """Keep the connection of a streamed answer if its body was read to the end. Otherwise close it."""
        if answer.response.reusable:
            with self._lock:
                self._idle.setdefault(answer.place, []).append(answer.connection)
        else:
            answer.connection.close()

    def _once(self, request: HttpRequest, stream: bool) -> HttpAnswer:
        region = self._regions.get(request.bucket, self._region)
        scheme, host, path = self._address(request, region)
        query = encode_query(request.query)
        keys = self._keys(False)
        check_headers({**request.headers, "authorization": keys.access_key, "x-amz-security-token": keys.token or ""})
        headers = sign_headers(
            request.method, path, query, {**request.headers, "host": host}, keys, region, time.time()
        )
        connection = self._connection(scheme, host)
        target = f"{path}?{query}" if query else path
        try:
            try:
                response = connection.exchange(request.method, target, headers, request.body)
            except StaleConnection:
                if request.method == "POST":  # not idempotent: S3 may have carried it out
                    raise
                connection.close()
                self.close()  # the server has closed, or will close, the others too
                connection = HttpConnection(host, self._tls if scheme == "https" else None)
                response = connection.exchange(request.method, target, headers, request.body)
            answer = HttpAnswer(response.status, response.headers, b"", response, connection, (scheme, host))
            if stream and response.status < 300:
                return answer
            answer.body = response.read()
        except BaseException:
            connection.close()
            raise
        self.release(answer)
        return answer

    def _address(self, request: HttpRequest, region: str) -> tuple[str, str, str]:
        key = "" if request.key is None else f"/{encode_path(request.key)}"
        if self._endpoint:
            parts = urlsplit(self._endpoint)
            return parts.scheme, parts.netloc, f"{parts.path.rstrip('/')}/{request.bucket}{key}"
        suffix = _suffix(region)
        if "." in request.bucket:  # the certificate covers one label in front of s3
            return "https", f"s3.{region}.{suffix}", f"/{request.bucket}{key}"
        return "https", f"{request.bucket}.s3.{region}.{suffix}", key or "/"

    def _connection(self, scheme: str, host: str) -> HttpConnection:
        with self._lock:
            idle = self._idle.setdefault((scheme, host), [])
            while idle:
                kept = idle.pop()
                if kept.quiet:
                    return kept
                kept.close()
            if scheme == "https" and self._tls is None:
                self._tls = _tls(self._ca_bundle)
        return HttpConnection(host, self._tls if scheme == "https" else None)

    def close(self) -> None:
        """Close the idle connections. Later requests open new ones."""
        with self._lock:
            idle = [connection for kept in self._idle.values() for connection in kept]
            self._idle.clear()
        for connection in idle:
            connection.close()

    def _follow_hint(self, request: HttpRequest, error: "ClientError", followed: set[str]) -> str | None:
        """Follow a hint of the answer, once each: another region, fresh credentials. Return its name, or None."""
        region = error.response["ResponseMetadata"]["HTTPHeaders"].get("x-amz-bucket-region")
        if region and region != self._regions.get(request.bucket, self._region) and "region" not in followed:
            self._regions[request.bucket] = region
            return "region"
        if error.response["Error"]["Code"] in _EXPIRED and "keys" not in followed:
            self._keys(True)
            return "keys"
        return None


def _suffix(region: str) -> str:
    return next((name for prefix, name in _PARTITIONS.items() if region.startswith(prefix)), "amazonaws.com")


def _tls(ca_bundle: str | None) -> "ssl.SSLContext":
    import ssl
    from pathlib import Path

    import botocore

    return ssl.create_default_context(cafile=ca_bundle or str(Path(botocore.__file__).with_name("cacert.pem")))


def _error(request: HttpRequest, answer: HttpAnswer) -> "ClientError | None":
    """Return the error in the answer, or None. Store the parsed document of an answer in XML.

    S3 answers some operations with status 200 before it knows their result. An error is then in the body, possibly in a
    namespace or after blanks. As in botocore, such an answer, and one with unreadable XML, counts as status 500: the
    result is unknown.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html, "Response Elements".
    """
    if answer.status < 300 and request.name not in _XML:
        return None
    from brigade.s3.http.xml import child_texts, parse_document

    document = answer.document = parse_document(answer.body) if answer.body else None
    if answer.status < 300 and document is not None and document.tag.rpartition("}")[2] != "Error":
        return None
    # A server or proxy in front of S3 answers with a page of HTML, or with nothing. Then only the status is known.
    fields = child_texts(document) if document is not None and document.tag.rpartition("}")[2] == "Error" else {}
    status = answer.status if answer.status >= 300 else 500
    return _client_error(request, answer, status, fields)


def _client_error(request: HttpRequest, answer: HttpAnswer, status: int, fields: Mapping[str, str]) -> "ClientError":
    from http import HTTPStatus

    from botocore.exceptions import ClientError

    with suppress(ValueError):  # a status that HTTP does not have
        fields = {"Message": HTTPStatus(status).phrase, **fields}
    return ClientError(
        {
            "Error": {"Code": fields.get("Code") or str(status), "Message": fields.get("Message", "")},
            "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": dict(answer.headers)},
        },
        request.name,
    )


def _lost(error: Exception, request: HttpRequest) -> "HTTPClientError | EndpointConnectionError":
    from botocore.exceptions import EndpointConnectionError, HTTPClientError

    if isinstance(error, ConnectionRefusedError):
        return EndpointConnectionError(endpoint_url=f"S3 for {request.bucket}", error=error)
    return HTTPClientError(error=f"{type(error).__name__}: {error}")
