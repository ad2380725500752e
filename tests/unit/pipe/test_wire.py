"""Our own HTTP to S3 against botocore's reading of the same: signatures, settings, errors."""

from pathlib import Path
from typing import Any

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from brigade.s3.checksum import CRC32, crc64nvme, named
from brigade.s3.wire.profile import place
from brigade.s3.wire.sign import Keys, path_of, query_of, signed
from brigade.s3.wire.xml import lists, texts

TEXT = st.text(st.characters(codec="utf-8"), max_size=30)
HEADER = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)


@given(key=TEXT, value=TEXT, meta=HEADER, token=st.none() | HEADER)
def test_a_signature_is_the_one_that_botocore_makes(key: str, value: str, meta: str, token: str | None) -> None:
    path, query = f"/bucket/{path_of(key)}", query_of({"prefix": value, "uploadId": "a/b+c="})
    headers = {"host": "127.0.0.1:9", "x-amz-meta-m": meta}
    ours = signed("PUT", path, query, headers, Keys("AKID", "secret", token), "eu-central-1")
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
    first = place({**there, **OWN, "AWS_REGION": "x", "AWS_SESSION_TOKEN": "t"}, **NOTHING)
    assert first
    assert (first.keys, first.region) == (Keys("a", "s", "t"), "x")
    shared = place(there, **NOTHING)
    assert shared
    assert (shared.keys, shared.region, shared.endpoint) == (Keys("d", "d"), "us-east-1", None)
    named_ = place({**there, **OWN}, profile="p", region=None, endpoint_url="http://127.0.0.1:1")
    assert named_
    assert (named_.keys, named_.region, named_.endpoint) == (Keys("p", "p"), "r", "http://127.0.0.1:1")


@pytest.mark.parametrize(
    "config",
    ["role_arn = arn:aws:iam::1:role/r\nsource_profile = q", "sso_session = s", "credential_process = /bin/x"],
)
def test_keys_that_have_to_be_fetched_are_left_to_botocore(tmp_path: Path, config: str) -> None:
    found = place(files(tmp_path, f"[default]\n{config}\n", f"[default]\n{PAIR.format('d')}"), **NOTHING)
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
    assert place({**files(tmp_path, f"[default]\n{config}\n"), **OWN, **environment}, **NOTHING) is None


def test_xml() -> None:
    body = b'<?xml version="1.0"?><R xmlns="http://x"><A>1</A><P><K>k%0A</K></P><P><K>l</K></P></R>'
    assert texts(body)["A"] == "1"
    assert lists(body, "P") == [{"K": "k%0A"}, {"K": "l"}]


@given(st.lists(st.binary(max_size=50), min_size=1, max_size=5))
def test_checksums_of_parts_are_that_of_the_whole(parts: list[bytes]) -> None:
    for checksum in (crc64nvme(), named("CRC32C")):
        assert checksum
        joined = checksum.whole((checksum.of(part), len(part)) for part in parts)
        assert joined == checksum.of(b"".join(parts))


def test_known_checksums() -> None:
    """The check values of the catalogue of CRCs: of 123456789."""
    check = b"123456789"
    assert CRC32.of(check) == "y/Q5Jg=="
    assert crc64nvme().of(check) == "rosUhgp5mIg="
