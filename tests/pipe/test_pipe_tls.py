"""Pipes over TLS, which is all that AWS speaks: as whole as elsewhere, and to nobody whom no authority vouches for."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from tests.pipe.conftest import MIB, Bucket, Weed, free_ports

DATA = random.Random(17).randbytes(45 * MIB + 7)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def secure(
    authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory, _environment: None
) -> Iterator[tuple[Bucket, Path]]:
    """A bucket behind TLS, and the file of the authority that vouches for it."""
    home = tmp_path_factory.mktemp("secure")
    issued = authority.issue_cert("127.0.0.1")
    issued.private_key_pem.write_to_path(home / "key.pem")
    issued.cert_chain_pems[0].write_to_path(home / "cert.pem")
    authority.cert_pem.write_to_path(home / "authority.pem")
    *ports, port = free_ports(5)
    files = f"-s3.cert.file={home / 'cert.pem'} -s3.key.file={home / 'key.pem'}"
    server = Weed(home, ports, more=f"{Weed.more} -s3.port.https={port} {files}")
    server.start()
    yield Bucket(f"https://127.0.0.1:{port}", "pipes", "tls"), home / "authority.pem"
    server.kill()


def test_what_goes_up_by_tls_comes_down_the_same(secure: tuple[Bucket, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    bucket, authority = secure
    monkeypatch.setenv("AWS_CA_BUNDLE", str(authority))
    assert bucket.to(stdin=DATA)["bytes"] == len(DATA)
    done = bucket.run("from", bucket.uri())
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == DATA


def test_memory_keeps_its_ceiling(secure: tuple[Bucket, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    bucket, authority = secure
    monkeypatch.setenv("AWS_CA_BUNDLE", str(authority))
    assert bucket.peak("to", bucket.uri("zeros"), zeros=300 * MIB) < 128
    assert bucket.peak("from", bucket.uri("zeros"), zeros=0) < 128


def test_a_server_that_no_known_authority_vouches_for_is_told_nothing(secure: tuple[Bucket, Path]) -> None:
    bucket, _ = secure
    done = bucket.run("to", bucket.uri("other"), stdin=b"secret")
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"certificate verify failed" in done.stderr
    assert done.stderr.count(b"\n") == 1
