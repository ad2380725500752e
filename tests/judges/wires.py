"""The same answer given to boto3's client and to ours, and the same call made of both: what each reads and sends."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import boto3
from botocore.awsrequest import AWSResponse, HeadersDict
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from brigade.s3.http.client import HttpClient
from brigade.s3.http.session import HttpAnswer, HttpSession
from brigade.s3.http.signature import AccessKeys

ENDPOINT, REGION, KEYS = "http://127.0.0.1:9", "eu-central-1", AccessKeys("AKID", "secret")


@dataclass(frozen=True)
class Given:
    """An answer of a server."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""


class _Raw(BytesIO):
    """A body as botocore's HTTP layer has it."""

    def stream(self, **_: Any) -> Any:
        yield self.getvalue()


def botos() -> Any:
    """Make boto3's client; it tries once, and sends nothing where `before-send` is handled."""
    return boto3.client(
        "s3",
        REGION,
        endpoint_url=ENDPOINT,
        aws_access_key_id=KEYS.access_key,
        aws_secret_access_key=KEYS.secret_key,
        config=Config(retries={"mode": "standard", "total_max_attempts": 1}, parameter_validation=False),
    )


class Judge:
    """Both clients, given the same answers."""

    def __init__(self) -> None:
        self._answer = Given(200, {})
        self._boto = botos()
        self._boto.meta.events.register("before-send.s3", self._theirs)
        self._http = HttpSession(REGION, ENDPOINT, lambda _: KEYS, None)
        self._http._once = self._ours  # type: ignore[method-assign]  # the answer comes from the test

    def __call__(self, call: str, answer: Given, **arguments: Any) -> "tuple[Read, Read]":
        """Return what boto3's client reads of the answer, and what ours does."""
        self._answer = answer
        arguments = {"Bucket": "bucket", **arguments}
        return read(lambda: getattr(self._boto, call)(**arguments)), read(
            lambda: getattr(HttpClient(self._http), call)(**arguments)
        )

    def close(self) -> None:
        """Close boto3's client."""
        self._boto.close()

    def _theirs(self, **_: Any) -> AWSResponse:
        headers = HeadersDict(self._answer.headers)
        return AWSResponse(ENDPOINT, self._answer.status, headers, _Raw(self._answer.body))

    def _ours(self, request: Any, stream: bool) -> HttpAnswer:
        headers = {name.lower(): value for name, value in self._answer.headers.items()}
        nothing: Any = None
        return HttpAnswer(self._answer.status, headers, self._answer.body, nothing, nothing, ("", ""))


@dataclass(frozen=True)
class Read:
    """Result that a client parsed from a response: a document, or S3's error code and the HTTP status."""

    document: Mapping[str, Any] | None
    code: str = ""
    status: int = 0
    message: str = ""


def read(ask: Callable[[], Mapping[str, Any]]) -> Read:
    """Return what the call returns, or how it fails."""
    try:
        return Read(ask())
    except ClientError as error:
        said = error.response["Error"]
        status = error.response["ResponseMetadata"].get("HTTPStatusCode", 0)
        return Read(None, str(said.get("Code", "")), status, str(said.get("Message", "")))
    except (BotoCoreError, ResponseParserError, ValueError):
        return Read(None)
