"""Our own HTTP to S3 against botocore's reading of the same: signatures, settings, errors."""

from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import boto3
import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from brigade.pipe.attributes import SseCustomerClient
from brigade.s3.checksum import CRC32, crc64nvme, find_algorithm
from brigade.s3.http.client import HttpClient
from brigade.s3.http.profile import read_settings
from brigade.s3.http.session import HttpRequest
from brigade.s3.http.signature import AccessKeys, encode_path, encode_query, sign_headers

TEXT = st.text(st.characters(codec="utf-8"), max_size=30)
HEADER = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)


@given(key=TEXT, value=TEXT, meta=HEADER, token=st.none() | HEADER)
def test_a_signature_is_the_one_that_botocore_makes(key: str, value: str, meta: str, token: str | None) -> None:
    path, query = f"/bucket/{encode_path(key)}", encode_query({"prefix": value, "uploadId": "a/b+c="})
    headers = {"host": "127.0.0.1:9", "x-amz-meta-m": meta}
    ours = sign_headers("PUT", path, query, headers, AccessKeys("AKID", "secret", token), "eu-central-1")
    request = AWSRequest("PUT", f"http://127.0.0.1:9{path}?{query}", headers={"x-amz-meta-m": meta})
    request.context["client_config"] = Config(s3={"payload_signing_enabled": False})
    signer = S3SigV4Auth(Credentials("AKID", "secret", token), "s3", "eu-central-1")
    request.context["timestamp"] = ours["x-amz-date"]
    signer._modify_request_before_signing(request)
    text = signer.string_to_sign(request, signer.canonical_request(request))
    assert ours["authorization"].endswith(f"Signature={signer.signature(text, request)}")


def files(folder: Path, config: str = "", credentials: str = "") -> dict[str, str]:
    (folder / "config").write_text(config)
    (folder / "credentials").write_text(credentials)
    return {
        "AWS_CONFIG_FILE": str(folder / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(folder / "credentials"),
    }


OWN = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "s"}
PAIR = "aws_access_key_id = {0}\naws_secret_access_key = {0}\n"
NOTHING: dict[str, Any] = {"profile": None, "region": None, "endpoint_url": None}


def test_the_environment_comes_first_and_an_explicit_profile_before_it(tmp_path: Path) -> None:
    there = files(tmp_path, "[profile p]\nregion = r\n", f"[default]\n{PAIR.format('d')}[p]\n{PAIR.format('p')}")
    first = read_settings({**there, **OWN, "AWS_REGION": "x", "AWS_SESSION_TOKEN": "t"}, **NOTHING)
    assert first
    assert (first.keys, first.region) == (AccessKeys("a", "s", "t"), "x")
    shared = read_settings(there, **NOTHING)
    assert shared
    assert (shared.keys, shared.region, shared.endpoint) == (AccessKeys("d", "d"), "us-east-1", None)
    named_ = read_settings({**there, **OWN}, profile="p", region=None, endpoint_url="http://127.0.0.1:1")
    assert named_
    assert (named_.keys, named_.region, named_.endpoint) == (AccessKeys("p", "p"), "r", "http://127.0.0.1:1")


@pytest.mark.parametrize(
    "config",
    ["role_arn = arn:aws:iam::1:role/r\nsource_profile = q", "sso_session = s", "credential_process = /bin/x"],
)
def test_keys_that_have_to_be_fetched_are_left_to_botocore(tmp_path: Path, config: str) -> None:
    found = read_settings(files(tmp_path, f"[default]\n{config}\n", f"[default]\n{PAIR.format('d')}"), **NOTHING)
    assert found
    assert found.keys is None


@pytest.mark.parametrize(
    ("config", "environment"),
    [
        ("s3 =\n  addressing_style = virtual", {}),
        ("services = mine", {}),
        ("use_fips_endpoint = true", {}),
        ("", {"AWS_USE_DUALSTACK_ENDPOINT": "true"}),
        ("", {"HTTPS_PROXY": "http://proxy"}),
    ],
)
def test_what_only_botocore_does_is_left_to_it(tmp_path: Path, config: str, environment: dict[str, str]) -> None:
    assert read_settings({**files(tmp_path, f"[default]\n{config}\n"), **OWN, **environment}, **NOTHING) is None


@given(st.lists(st.binary(max_size=50), min_size=1, max_size=5))
def test_checksums_of_parts_are_that_of_the_whole(parts: list[bytes]) -> None:
    for checksum in (crc64nvme(), find_algorithm("CRC32C")):
        assert checksum
        joined = checksum.whole((checksum.of(part), len(part)) for part in parts)
        assert joined == checksum.of(b"".join(parts))


def test_known_checksums() -> None:
    """The check values of the catalogue of CRCs: of 123456789."""
    check = b"123456789"
    assert CRC32.of(check) == "y/Q5Jg=="
    assert crc64nvme().of(check) == "rosUhgp5mIg="


class Seen(Exception):
    """Request that a client would send."""


class Told:
    """In place of the wire's HTTP: tells the request."""

    def ask(self, request: HttpRequest, *, stream: bool = False) -> Any:
        raise Seen(request.method, encode_path(request.key or ""), request.query, request.headers)


CUSTOMER = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": bytes(range(32))}
CALLS: list[tuple[str, dict[str, Any]]] = [
    ("upload_part_copy", {"PartNumber": 3, "UploadId": "u/+", "CopySource": {"Bucket": "b", "Key": "a b+é"}}),
    ("upload_part", {"PartNumber": 3, "UploadId": "u", "Body": b"x", "ChecksumCRC64NVME": "AAAAAAAAAAA="}),
    ("get_object", {"Range": "bytes=0-1", "IfMatch": '"e"', "VersionId": "v"}),
    ("head_object", {"ChecksumMode": "ENABLED", "PartNumber": 2}),
    (
        "create_multipart_upload",
        {"Tagging": "a=b", "ACL": "private", "ObjectLockMode": "GOVERNANCE"},
    ),
]


@pytest.mark.parametrize(("name", "arguments"), CALLS)
def test_a_customers_key_and_all_else_goes_out_as_boto3_sends_it(name: str, arguments: dict[str, Any]) -> None:
    def stop(request: Any, **_: Any) -> None:
        raise Seen(request)

    def seen(client: Any) -> tuple[Any, ...]:
        with pytest.raises(Seen) as told:
            getattr(SseCustomerClient(client, CUSTOMER), name)(Bucket="bucket", Key="k", **arguments)
        return told.value.args

    real = boto3.client(
        "s3", "eu-central-1", endpoint_url="http://127.0.0.1:9", aws_access_key_id="x", aws_secret_access_key="y"
    )
    real.meta.events.register("before-send.s3", stop)
    (request,) = seen(real)
    method, _, query, headers = seen(HttpClient(Told()))  # type: ignore[arg-type]  # it only asks
    real.close()
    url = urlsplit(request.url)
    own = {each.lower(): value for each, value in request.headers.items()}
    sent = {each: value.decode() if isinstance(value, bytes) else value for each, value in own.items()}
    assert method == request.method
    assert dict(parse_qsl(url.query, keep_blank_values=True)) == query
    assert {each: sent.get(each) for each in headers} == headers
    assert {each for each in sent if "customer" in each} == {each for each in headers if "customer" in each}
