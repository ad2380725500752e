"""HTTP to S3: signed requests over connections that are kept, with retries."""

import random
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from pathlib import Path
from typing import TypeAlias
from urllib.parse import urlsplit

import botocore
from botocore.exceptions import ClientError, EndpointConnectionError, HTTPClientError

from brigade.s3.wire.sign import Keys, path_of, query_of, signed

Buffer: TypeAlias = bytes | bytearray | memoryview
TRIES = 5
CONNECT_S, READ_S = 10.0, 60.0
_LATER = {408, 429, 500, 502, 503, 504}
_LATER_CODES = {"RequestTimeout", "SlowDown", "InternalError", "ServiceUnavailable", "Throttling"}
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
    response: HTTPResponse | None
    connection: HTTPConnection


class Http:
    """Send requests to S3 from any number of threads; each has a connection of its own, and connections are kept.

    A request is tried up to 5 times on throttling, 5xx and broken connections, with pauses that grow at random; an
    answer that names the bucket's region, or expired credentials, is followed by one more try that heeds it.
    """

    def __init__(self, region: str, endpoint: str | None, keys: Callable[[bool], Keys], ca_bundle: str | None) -> None:
        self._region, self._endpoint, self._keys, self._ca_bundle = region, endpoint, keys, ca_bundle
        self._regions: dict[str, str] = {}
        self._idle: dict[tuple[str, str], list[HTTPConnection]] = {}
        self._lock = threading.Lock()
        self._tls: ssl.SSLContext | None = None

    def ask(self, request: Request, *, stream: bool = False) -> Answer:
        """Send the request and give its answer; with ``stream`` the body is left in ``response`` for the caller.

        Fails with botocore's ClientError when S3 refused, HTTPClientError when no answer came.
        """
        failure: Exception = RuntimeError("unreachable")
        heeded: set[str] = set()
        attempt = 0
        while attempt < TRIES:
            if attempt:
                time.sleep(random.uniform(0, min(20.0, 0.1 * 2**attempt)))  # noqa: S311 - no secret depends on it
            try:
                return self._once(request, stream)
            except ClientError as error:
                failure = error
                if hint := self._heed(request, error, heeded):
                    heeded.add(hint)
                    continue
                status = error.response["ResponseMetadata"]["HTTPStatusCode"]
                if status not in _LATER and error.response["Error"]["Code"] not in _LATER_CODES:
                    raise
            except (OSError, HTTPException) as error:
                failure = _lost(error, request)
                self.close()  # a server that broke one connection has broken, or will break, the others
            attempt += 1
        raise failure

    def release(self, answer: Answer) -> None:
        """Keep the connection of a streamed answer if its body was read to the end, else close it."""
        response = answer.response
        if response is not None and response.isclosed() and not response.length and not response.will_close:
            self._keep(answer.connection)
        else:
            answer.connection.close()

    def _once(self, request: Request, stream: bool) -> Answer:
        region = self._regions.get(request.bucket, self._region)
        scheme, host, path = self._address(request, region)
        query = query_of(request.query)
        headers = signed(
            request.method, path, query, {**request.headers, "host": host}, self._keys(False), region, time.time()
        )
        connection = self._connection(scheme, host)
        try:
            response = _exchange(connection, request, f"{path}?{query}" if query else path, headers)
            answer = Answer(response.status, _lower(response), b"", response, connection)
            if stream and response.status < 300:
                return answer
            answer.body = response.read()
        except BaseException:
            connection.close()
            raise
        self.release(answer)
        if response.status >= 300 or _error_inside(request, answer.body):
            raise _refused(request, answer)
        return answer

    def _address(self, request: Request, region: str) -> tuple[str, str, str]:
        key = path_of(request.key or "")
        if self._endpoint:
            parts = urlsplit(self._endpoint)
            return parts.scheme, parts.netloc, f"{parts.path.rstrip('/')}/{request.bucket}/{key}"
        suffix = next((name for prefix, name in _PARTITIONS.items() if region.startswith(prefix)), "amazonaws.com")
        if "." in request.bucket:  # the certificate names one label in front of s3
            return "https", f"s3.{region}.{suffix}", f"/{request.bucket}/{key}"
        return "https", f"{request.bucket}.s3.{region}.{suffix}", f"/{key}"

    def _connection(self, scheme: str, host: str) -> HTTPConnection:
        with self._lock:
            idle = self._idle.setdefault((scheme, host), [])
            if idle:
                return idle.pop()
            if scheme == "https" and self._tls is None:
                bundle = self._ca_bundle or str(Path(botocore.__file__).with_name("cacert.pem"))
                self._tls = ssl.create_default_context(cafile=bundle)
        if scheme == "https":
            return HTTPSConnection(host, timeout=CONNECT_S, context=self._tls)
        return HTTPConnection(host, timeout=CONNECT_S)

    def _keep(self, connection: HTTPConnection) -> None:
        scheme = "https" if isinstance(connection, HTTPSConnection) else "http"
        host = connection.host if connection.port == connection.default_port else f"{connection.host}:{connection.port}"
        with self._lock:
            self._idle.setdefault((scheme, host), []).append(connection)

    def close(self) -> None:
        """Close the connections that are kept; others are made when they are needed."""
        with self._lock:
            idle = [connection for kept in self._idle.values() for connection in kept]
            self._idle.clear()
        for connection in idle:
            connection.close()

    def _heed(self, request: Request, error: ClientError, heeded: set[str]) -> str | None:
        """Take up what the answer says to do otherwise, once each: another region, fresh credentials."""
        region = error.response["ResponseMetadata"]["HTTPHeaders"].get("x-amz-bucket-region")
        if region and region != self._regions.get(request.bucket, self._region) and "region" not in heeded:
            self._regions[request.bucket] = region
            return "region"
        if error.response["Error"]["Code"] in _EXPIRED and "keys" not in heeded:
            self._keys(True)
            return "keys"
        return None


def _exchange(connection: HTTPConnection, request: Request, target: str, headers: Mapping[str, str]) -> HTTPResponse:
    if connection.sock is None:
        connection.connect()
        _patience(connection, READ_S)
    connection.putrequest(request.method, target, skip_host=True, skip_accept_encoding=True)
    for name, value in headers.items():
        connection.putheader(name, value)
    if request.method in {"PUT", "POST"}:
        connection.putheader("content-length", str(memoryview(request.body).nbytes))
    connection.endheaders()
    try:
        if request.body:
            connection.send(request.body)
    except (BrokenPipeError, ConnectionResetError):
        # S3 refuses some bodies before they have all arrived: its answer says why, if it is there.
        _patience(connection, 2)
    return connection.getresponse()


def _patience(connection: HTTPConnection, seconds: float) -> None:
    if connection.sock:
        connection.sock.settimeout(seconds)


def _lower(response: HTTPResponse) -> dict[str, str]:
    return {name.lower(): value for name, value in response.getheaders()}


def _error_inside(request: Request, body: bytes) -> bool:
    return request.name in {"CompleteMultipartUpload", "UploadPartCopy", "CopyObject"} and b"<Error>" in body[:1000]


def _refused(request: Request, answer: Answer) -> ClientError:
    code, message = "", ""
    if answer.body.lstrip().startswith(b"<"):
        from brigade.s3.wire.xml import texts

        found = texts(answer.body)
        code, message = found.get("Code", ""), found.get("Message", "")
    status = 500 if answer.status == 200 and code in _LATER_CODES else answer.status
    return ClientError(
        {
            "Error": {"Code": code or str(answer.status), "Message": message},
            "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": dict(answer.headers)},
        },
        request.name,
    )


def _lost(error: Exception, request: Request) -> HTTPClientError | EndpointConnectionError:
    if isinstance(error, ConnectionRefusedError):
        return EndpointConnectionError(endpoint_url=f"S3 for {request.bucket}", error=error)
    return HTTPClientError(error=f"{type(error).__name__}: {error}")
