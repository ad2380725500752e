"""The same call made of botocore and of our client: what goes out, and whether botocore would sign it so."""

import base64
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit
from xml.etree import ElementTree

import boto3
import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from brigade.errors import UsageError
from brigade.s3.http.client import HttpClient
from brigade.s3.http.connection import HttpConnection
from brigade.s3.http.names import QUERY_PARAMETERS, REQUEST_HEADERS
from brigade.s3.http.session import HttpSession
from tests.examples import examples
from tests.judges.wires import KEYS, REGION, botos

SETTINGS = settings(max_examples=examples(20), suppress_health_check=[HealthCheck.function_scoped_fixture])
KEY = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20) | st.text(" +%&=~*/'\"<>?#\x00\r\n.", min_size=1)
SHOWN = st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zs", "Zl", "Zp"])
VALUE = st.text(SHOWN, min_size=1, max_size=10) | st.sampled_from(['attachment; filename="ä.txt"', '"東.txt"', "a  b"])
ASCII = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=10)
NAME = st.text("abcXYZ019-_.!#$%&'*+^`|~", min_size=1, max_size=8)


class Seen(Exception):
    """Request that a client sends."""

    def __init__(self, method: str, url: str, headers: dict[str, str], body: bytes) -> None:
        super().__init__(method, url)
        parts = urlsplit(url)
        self.method, self.path, self.body = method, parts.path, body
        self.query = sorted(parse_qsl(parts.query, keep_blank_values=True))
        self.headers = {name.lower(): value for name, value in headers.items()}
        self.url = url


class Sender:
    """Both clients, neither of which sends anything."""

    def __init__(self) -> None:
        self._boto = botos()
        self._boto.meta.events.register("before-send.s3", self._theirs)

    def theirs(self, call: str, arguments: dict[str, Any]) -> Seen:
        with pytest.raises(Seen) as seen:
            getattr(self._boto, call)(Bucket="bucket", **arguments)
        return seen.value

    def ours(self, call: str, arguments: dict[str, Any]) -> Seen:
        client = HttpClient(HttpSession(REGION, "http://127.0.0.1:9", lambda _: KEYS, None))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(HttpConnection, "exchange", self._exchange)
            with pytest.raises(Seen) as seen:
                getattr(client, call)(Bucket="bucket", **arguments)
        return seen.value

    def close(self) -> None:
        self._boto.close()

    def _theirs(self, request: Any, **_: Any) -> None:
        headers = {
            name: value.decode("utf-8") if isinstance(value, bytes) else value
            for name, value in request.headers.items()
        }
        raise Seen(request.method, request.url, headers, request.body or b"")

    def _exchange(self, method: str, target: str, headers: dict[str, str], body: Any = b"") -> Any:
        raise Seen(method, f"http://127.0.0.1:9{target}", headers, bytes(body))


@pytest.fixture(scope="module")
def sender() -> Iterator[Sender]:
    made = Sender()
    yield made
    made.close()


# What each client says of itself, of its tries, of the signature, and how botocore covers the body.
OWN = {
    *("accept-encoding", "user-agent", "expect", "amz-sdk-invocation-id", "amz-sdk-request", "content-length"),
    *("authorization", "x-amz-date", "x-amz-content-sha256", "host", "transfer-encoding", "content-encoding"),
    *("x-amz-sdk-checksum-algorithm", "x-amz-trailer", "x-amz-decoded-content-length"),
    *("x-amz-checksum-crc32", "x-amz-checksum-mode", "x-amz-checksum-algorithm"),
}


def compare(sender: Sender, call: str, arguments: dict[str, Any]) -> None:
    theirs, ours = sender.theirs(call, dict(arguments)), sender.ours(call, dict(arguments))
    assert (ours.method, ours.path) == (theirs.method, theirs.path)
    assert ours.query == theirs.query
    given = {name for argument, name in REQUEST_HEADERS.items() if argument in arguments}
    both = (set(ours.headers) | set(theirs.headers)) - (OWN - given)
    assert {name: ours.headers.get(name) for name in both} == {name: theirs.headers.get(name) for name in both}
    if call == "complete_multipart_upload":
        mine, other = (ElementTree.canonicalize(seen.body.decode()) for seen in (ours, theirs))
        assert sorted(mine) == sorted(other)
    signed_as_botocore_would(ours)


def signed_as_botocore_would(seen: Seen) -> None:
    own = {"authorization", "x-amz-date", "host", "x-amz-content-sha256"}
    request = AWSRequest(seen.method, seen.url, headers={n: v for n, v in seen.headers.items() if n not in own})
    request.context["client_config"] = Config(s3={"payload_signing_enabled": False})
    request.context["timestamp"] = seen.headers["x-amz-date"]
    signer = S3SigV4Auth(Credentials(KEYS.access_key, KEYS.secret_key, KEYS.token), "s3", REGION)
    signer._modify_request_before_signing(request)
    text = signer.string_to_sign(request, signer.canonical_request(request))
    assert seen.headers["authorization"].endswith(f"Signature={signer.signature(text, request)}")


MOMENTS = st.datetimes(min_value=datetime(1970, 1, 1), timezones=st.just(UTC)).map(
    lambda when: when.replace(microsecond=0)
)
CRC = st.binary(min_size=8, max_size=8).map(lambda value: base64.b64encode(value).decode())
METADATA = st.dictionaries(NAME, ASCII, max_size=3).filter(
    lambda found: len({name.lower() for name in found}) == len(found)
)
CUSTOMER = st.binary(min_size=32, max_size=32)
WRITTEN = {
    "ACL": st.sampled_from(["private", "bucket-owner-full-control"]),
    "CacheControl": VALUE,
    "ContentDisposition": VALUE,
    "ContentEncoding": VALUE,
    "ContentLanguage": VALUE,
    "ContentType": VALUE,
    "Expires": MOMENTS,
    "Metadata": METADATA,
    "ObjectLockLegalHoldStatus": st.just("ON"),
    "ObjectLockMode": st.just("GOVERNANCE"),
    "ObjectLockRetainUntilDate": MOMENTS,
    "SSEKMSKeyId": ASCII,
    "ServerSideEncryption": st.sampled_from(["AES256", "aws:kms"]),
    "StorageClass": st.just("STANDARD_IA"),
    "Tagging": st.just("a=b%20c&d=%C3%A4"),
    "RequestPayer": st.just("requester"),
}
CONDITIONS = {"IfMatch": st.just('"e"'), "IfNoneMatch": st.just("*")}
KEYED: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"SSECustomerAlgorithm": st.just("AES256"), "SSECustomerKey": CUSTOMER}
) | st.just({})
PART = st.fixed_dictionaries(
    {
        "PartNumber": st.integers(1, 10_000),
        "ETag": ASCII.filter(lambda text: "]]>" not in text),
        "ChecksumCRC64NVME": CRC,
    }
)
FIXED: dict[str, Any] = {"Key": KEY}
UPLOAD = {**FIXED, "UploadId": KEY}
CALLS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "put_object": ({**FIXED, "Body": st.just(b"x"), "ChecksumCRC64NVME": CRC}, {**WRITTEN, **CONDITIONS}),
    "create_multipart_upload": (
        {**FIXED, "ChecksumAlgorithm": st.just("CRC64NVME"), "ChecksumType": st.just("FULL_OBJECT")},
        WRITTEN,
    ),
    "upload_part": (
        {**UPLOAD, "PartNumber": st.integers(1, 10_000), "Body": st.just(b"x"), "ChecksumCRC64NVME": CRC},
        {},
    ),
    "complete_multipart_upload": (
        {
            **UPLOAD,
            "MultipartUpload": st.fixed_dictionaries({"Parts": st.lists(PART, min_size=1, max_size=2)}),
            "ChecksumCRC64NVME": CRC,
            "ChecksumType": st.just("FULL_OBJECT"),
        },
        {"MpuObjectSize": st.integers(0, 2**50), **CONDITIONS},
    ),
    "upload_part_copy": (
        {
            **UPLOAD,
            "PartNumber": st.integers(1, 10_000),
            "CopySource": st.fixed_dictionaries({"Bucket": st.just("b"), "Key": KEY}),
        },
        {"CopySourceIfMatch": st.just('"e"'), "CopySourceRange": st.just("bytes=0-1")},
    ),
    "abort_multipart_upload": (UPLOAD, {}),
    "list_parts": (UPLOAD, {"PartNumberMarker": st.integers(0, 10_000)}),
    "list_multipart_uploads": ({}, {"Prefix": KEY, "KeyMarker": KEY, "UploadIdMarker": KEY}),
    "list_objects_v2": ({}, {"Prefix": KEY, "ContinuationToken": KEY}),
    "head_object": (FIXED, {"ChecksumMode": st.just("ENABLED"), "PartNumber": st.integers(1, 9), "VersionId": KEY}),
    "get_object": (FIXED, {"Range": st.just("bytes=0-1"), "IfMatch": st.just('"e"'), "VersionId": KEY}),
    "delete_object": (FIXED, {"IfMatch": st.just('"e"'), "VersionId": KEY}),
}
BYTES = {*CALLS} - {"abort_multipart_upload", "delete_object", "upload_part_copy"}
BYTES = {call for call in BYTES if not call.startswith("list")}


@pytest.mark.parametrize("call", list(CALLS))
@SETTINGS
@given(data=st.data())
def test_a_request_is_the_one_that_botocore_makes(sender: Sender, call: str, data: st.DataObject) -> None:
    fixed, more = CALLS[call]
    arguments = data.draw(st.fixed_dictionaries(fixed, optional=more))
    if call in BYTES:
        arguments |= data.draw(KEYED)
    if call == "upload_part_copy":
        source = data.draw(KEYED)
        arguments |= source | {f"CopySource{name}": value for name, value in source.items()}
    compare(sender, call, arguments)


def test_every_argument_that_the_wire_knows_is_compared() -> None:
    compared = {name for fixed, more in CALLS.values() for name in {**fixed, **more}}
    customer = {"SSECustomerAlgorithm", "CopySourceSSECustomerAlgorithm"}
    own = {"ChecksumCRC32", "ChecksumCRC32C", "ContentMD5"}  # by another algorithm, as a caller chooses
    assert {*REQUEST_HEADERS, *QUERY_PARAMETERS} - compared - customer - own == set()


def test_every_character_of_a_key(sender: Sender) -> None:
    for code in [*range(0x101), 0x2028, 0xFFFD, 0xFFFE, 0x1F4A7]:
        seen = sender.ours("get_object", {"Key": f"a{chr(code)}/+%b c"})
        assert seen.path == sender.theirs("get_object", {"Key": f"a{chr(code)}/+%b c"}).path
        assert unquote(seen.path) == f"/bucket/a{chr(code)}/+%b c"


@pytest.fixture
def heard() -> Iterator[tuple[str, list[bytes]]]:
    """A server that keeps what it is sent."""
    got: list[bytes] = []

    def serve() -> None:
        while True:
            try:
                taken, _ = server.accept()
            except OSError:
                return
            with taken:
                head = b""
                while b"\r\n\r\n" not in head and (more := taken.recv(65536)):
                    head += more
                got.append(head)
                taken.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 0\r\nETag: "x"\r\nConnection: close\r\n\r\n')

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}", got
        server.shutdown(socket.SHUT_RDWR)
    thread.join()


@pytest.mark.parametrize("value", ['attachment; filename="ä.txt"', '"東.txt"', "\U0001f4a7", "plain"])
def test_the_bytes_of_a_header_are_botocores(heard: tuple[str, list[bytes]], value: str) -> None:
    endpoint, got = heard
    theirs = boto3.client(
        "s3", REGION, endpoint_url=endpoint, aws_access_key_id=KEYS.access_key, aws_secret_access_key=KEYS.secret_key
    )
    ours = HttpClient(HttpSession(REGION, endpoint, lambda _: KEYS, None))
    for client in (theirs, ours):
        client.put_object(Bucket="bucket", Key="k", Body=b"", ContentDisposition=value)
        client.close()
    lines = [next(each for each in head.split(b"\r\n") if b"disposition: " in each.lower()) for head in got]
    assert lines[0].partition(b": ")[2] == lines[1].partition(b": ")[2] == value.encode()


CONTROL = [*range(0x20), 0x7F, 0x85, 0xD800]
VALUES = sorted({*WRITTEN, "IfMatch"} - {"Metadata", "Expires", "ObjectLockRetainUntilDate"})


@pytest.mark.parametrize("argument", VALUES)
def test_a_control_character_in_a_header_is_refused_and_nothing_is_sent(
    monkeypatch: pytest.MonkeyPatch, argument: str
) -> None:
    def sent(*_: object) -> None:
        raise AssertionError("sent")

    monkeypatch.setattr(HttpConnection, "exchange", sent)
    client = HttpClient(HttpSession(REGION, "http://127.0.0.1:9", lambda _: KEYS, None))
    for code in CONTROL:
        with pytest.raises(UsageError, match="nothing was sent"):
            client.put_object(Bucket="bucket", Key="k", Body=b"", **{argument: f"a{chr(code)}x-amz-acl: public-read"})
