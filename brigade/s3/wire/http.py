"""HTTP to S3: signed requests over connections that are kept, with retries."""

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from brigade.headers import check_headers
from brigade.s3.wire.connection import Buffer, Connection, Response, Stale
from brigade.s3.wire.sign import Keys, path_of, query_of, signed

if TYPE_CHECKING:
    import ssl
    from xml.etree.ElementTree import Element

    from botocore.exceptions import ClientError, EndpointConnectionError, HTTPClientError

TRIES = 5
_LATER = {408, 429, 500, 502, 503, 504}
_LATER_CODES = {"RequestTimeout", "SlowDown", "InternalError", "ServiceUnavailable", "Throttling"}
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
class Request:
    """One request before it is signed; ``name`` is the operation's, for errors."""

    name: str
    method: str
    bucket: str
    key: str | None = None
    query: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    body: Buffer = b""


@dataclass
class Answer:
    """An answer that is no error; ``body`` is read already unless the caller asked for the open response."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    response: Response
    connection: Connection
    place: tuple[str, str]
    document: "Element | None" = None


class Http:
    """Send requests to S3 from any number of threads; each has a connection of its own, and connections are kept.

    A request is tried up to 5 times on throttling, 5xx and broken connections, with pauses that grow at random. A kept
    connection that the server has closed is no try: GET, HEAD, PUT and DELETE go out again at once, on a new one. An
    answer that names the bucket's region, or expired credentials, is followed by one more try that heeds it.
    """

    def __init__(self, region: str, endpoint: str | None, keys: Callable[[bool], Keys], ca_bundle: str | None) -> None:
        self._region, self._endpoint, self._keys, self._ca_bundle = region, endpoint, keys, ca_bundle
        self._regions: dict[str, str] = {}
        self._idle: dict[tuple[str, str], list[Connection]] = {}
        self._lock = threading.Lock()
        self._tls: ssl.SSLContext | None = None

    @property
    def endpoint_url(self) -> str:
        """The address that requests go to, as boto3's client names it."""
        return self._endpoint or f"https://s3.{self._region}.{_suffix(self._region)}"

    def ask(self, request: Request, *, stream: bool = False) -> Answer:
        """Send the request and give its answer; with ``stream`` the body is left in ``response`` for the caller.

        Fails with botocore's ClientError when S3 refused, HTTPClientError when no answer came.
        """
        failure: Exception = RuntimeError("unreachable")
        heeded: set[str] = set()
        attempt = 0
        while attempt < TRIES:
            if attempt:
                _pause(attempt)
            try:
                answer = self._once(request, stream)
                error = _error(request, answer)
                if error is None:
                    return answer
                failure = error
                if hint := self._heed(request, error, heeded):
                    heeded.add(hint)
                    continue
                status = error.response["ResponseMetadata"]["HTTPStatusCode"]
                if status not in _LATER and error.response["Error"]["Code"] not in _LATER_CODES:
                    break
            except OSError as lost:
                failure = _lost(lost, request)
                self.close()  # a server that broke one connection has broken, or will break, the others
                if getattr(lost, "verify_code", 0):  # ssl.SSLCertVerificationError: trying again changes no certificate
                    break
            attempt += 1
        raise failure

    def release(self, answer: Answer) -> None:
        """Keep the connection of a streamed answer if its body was read to the end, else close it."""
        if answer.response.reusable:
            with self._lock:
                self._idle.setdefault(answer.place, []).append(answer.connection)
        else:
            answer.connection.close()

    def _once(self, request: Request, stream: bool) -> Answer:
        region = self._regions.get(request.bucket, self._region)
        scheme, host, path = self._address(request, region)
        query = query_of(request.query)
        keys = self._keys(False)
        check_headers({**request.headers, "authorization": keys.access_key, "x-amz-security-token": keys.token or ""})
        headers = signed(request.method, path, query, {**request.headers, "host": host}, keys, region, time.time())
        connection = self._connection(scheme, host)
        target = f"{path}?{query}" if query else path
        try:
            try:
                response = connection.exchange(request.method, target, headers, request.body)
            except Stale:
                if request.method == "POST":  # not idempotent: it may have been carried out
                    raise
                connection.close()
                self.close()  # the server has closed, or will close, the others too
                connection = Connection(host, self._tls if scheme == "https" else None)
                response = connection.exchange(request.method, target, headers, request.body)
            answer = Answer(response.status, response.headers, b"", response, connection, (scheme, host))
            if stream and response.status < 300:
                return answer
            answer.body = response.read()
        except BaseException:
            connection.close()
            raise
        self.release(answer)
        return answer

    def _address(self, request: Request, region: str) -> tuple[str, str, str]:
        key = "" if request.key is None else f"/{path_of(request.key)}"
        if self._endpoint:
            parts = urlsplit(self._endpoint)
            return parts.scheme, parts.netloc, f"{parts.path.rstrip('/')}/{request.bucket}{key}"
        suffix = _suffix(region)
        if "." in request.bucket:  # the certificate names one label in front of s3
            return "https", f"s3.{region}.{suffix}", f"/{request.bucket}{key}"
        return "https", f"{request.bucket}.s3.{region}.{suffix}", key or "/"

    def _connection(self, scheme: str, host: str) -> Connection:
        with self._lock:
            idle = self._idle.setdefault((scheme, host), [])
            while idle:
                kept = idle.pop()
                if kept.quiet:
                    return kept
                kept.close()
            if scheme == "https" and self._tls is None:
                self._tls = _tls(self._ca_bundle)
        return Connection(host, self._tls if scheme == "https" else None)

    def close(self) -> None:
        """Close the connections that are kept; others are made when they are needed."""
        with self._lock:
            idle = [connection for kept in self._idle.values() for connection in kept]
            self._idle.clear()
        for connection in idle:
            connection.close()

    def _heed(self, request: Request, error: "ClientError", heeded: set[str]) -> str | None:
        """Take up what the answer says to do otherwise, once each: another region, fresh credentials."""
        region = error.response["ResponseMetadata"]["HTTPHeaders"].get("x-amz-bucket-region")
        if region and region != self._regions.get(request.bucket, self._region) and "region" not in heeded:
            self._regions[request.bucket] = region
            return "region"
        if error.response["Error"]["Code"] in _EXPIRED and "keys" not in heeded:
            self._keys(True)
            return "keys"
        return None


def _suffix(region: str) -> str:
    return next((name for prefix, name in _PARTITIONS.items() if region.startswith(prefix)), "amazonaws.com")


def _pause(attempt: int) -> None:
    import random

    time.sleep(random.uniform(0, min(20.0, 0.1 * 2**attempt)))  # noqa: S311 - no secret depends on it


def _tls(ca_bundle: str | None) -> "ssl.SSLContext":
    import ssl
    from pathlib import Path

    import botocore

    return ssl.create_default_context(cafile=ca_bundle or str(Path(botocore.__file__).with_name("cacert.pem")))


def _error(request: Request, answer: Answer) -> "ClientError | None":
    """Return the error that the answer holds, or None. Of an answer in XML, keep the document.

    S3 answers some operations with status 200 before it knows how they end: an error comes in the body then, also in
    a namespace or after blanks. As botocore does, such an answer, and one whose XML cannot be read, counts as status
    500: nobody knows what happened.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html, "Response Elements".
    """
    if answer.status < 300 and request.name not in _XML:
        return None
    from brigade.s3.wire.xml import read, texts

    document = answer.document = read(answer.body) if answer.body else None
    if answer.status < 300 and document is not None and document.tag.rpartition("}")[2] != "Error":
        return None
    # A server or proxy in front of S3 answers with a page of HTML, or with nothing: the status is all that it says.
    said = texts(document) if document is not None and document.tag.rpartition("}")[2] == "Error" else {}
    status = answer.status if answer.status >= 300 else 500
    return _client_error(request, answer, status, said)


def _client_error(request: Request, answer: Answer, status: int, said: Mapping[str, str]) -> "ClientError":
    from http import HTTPStatus

    from botocore.exceptions import ClientError

    with suppress(ValueError):  # a status that HTTP does not have
        said = {"Message": HTTPStatus(status).phrase, **said}
    return ClientError(
        {
            "Error": {"Code": said.get("Code") or str(status), "Message": said.get("Message", "")},
            "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": dict(answer.headers)},
        },
        request.name,
    )


def _lost(error: Exception, request: Request) -> "HTTPClientError | EndpointConnectionError":
    from botocore.exceptions import EndpointConnectionError, HTTPClientError

    if isinstance(error, ConnectionRefusedError):
        return EndpointConnectionError(endpoint_url=f"S3 for {request.bucket}", error=error)
    return HTTPClientError(error=f"{type(error).__name__}: {error}")
