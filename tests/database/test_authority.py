"""TLS to RDS is on by default, checked against the authorities of the database's region."""

import ssl
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from brigade.database import authority
from brigade.database.uri import database_uri
from brigade.errors import NotFound
from local.postgres import Postgres

FILES = sorted(Path(authority.__file__).with_name("authorities").glob("*.pem"))
US = {
    "engine": "postgres",
    "host": "orders.c9akciq32rgd.us-east-1.rds.amazonaws.com",
    "port": 5432,
    "username": "u",
    "password": "p",
    "dbname": "d",
}


@pytest.mark.parametrize(
    ("host", "region"),
    [
        ("orders.c9akciq32rgd.us-east-1.rds.amazonaws.com", "us-east-1"),
        ("Orders.Cluster-C9.EU-Central-1.RDS.amazonaws.com.", "eu-central-1"),
        ("orders.cluster-ro-c9.ap-southeast-2.rds.amazonaws.com", "ap-southeast-2"),
        ("orders.c9.us-gov-west-1.rds.amazonaws.com", "us-gov-west-1"),
        ("orders.c9.rds.cn-north-1.amazonaws.com.cn", "cn-north-1"),
        ("mine.cluster-c9.us-east-1.docdb.amazonaws.com", "us-east-1"),
        ("rds.amazonaws.com", None),
        ("orders.us-east-1.rds.amazonaws.com.example", None),
        ("orders.us-east-1.xrds.amazonaws.com", None),
        ("db.example", None),
        ("127.0.0.1", None),
    ],
)
def test_an_endpoint_of_rds_names_its_region(host: str, region: str | None) -> None:
    assert authority.find_region(host) == region


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_holds_the_three_authorities_of_its_region_and_they_are_valid(path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(path)
    found: list[Any] = [*context.get_ca_certs()]
    names = sorted(dict(part for [part] in each["subject"])["commonName"] for each in found)
    assert names == [f"Amazon RDS {path.stem} Root CA {kind} G1" for kind in ("ECC384", "RSA2048", "RSA4096")]
    for each in found:
        assert each["subject"] == each["issuer"]
        assert ssl.cert_time_to_seconds(str(each["notAfter"])) > time.time() + 365 * 86400


def test_rds_is_asked_for_with_its_name_and_its_regions_authorities_checked() -> None:
    asked = conninfo_to_dict(database_uri(US))
    assert asked["sslmode"] == "verify-full"
    assert asked["sslrootcert"] == str(FILES[0].with_name("us-east-1.pem"))
    assert Path(str(asked["sslrootcert"])).is_file()


def test_what_a_container_calls_the_file_and_any_option_can_be_given() -> None:
    assert database_uri(US, ca_file="/authority/rds.pem").endswith(
        "?sslmode=verify-full&sslrootcert=/authority/rds.pem"
    )
    asked = conninfo_to_dict(database_uri(US, options={"sslmode": "verify-ca", "application_name": "a b&c=d"}))
    assert (asked["sslmode"], asked["application_name"]) == ("verify-ca", "a b&c=d")


def test_a_proxy_of_rds_is_checked_against_public_authorities() -> None:
    uri = database_uri({**US, "host": "pool.proxy-c9akciq32rgd.us-east-1.rds.amazonaws.com"})
    assert uri.endswith("?sslmode=verify-full&sslrootcert=system")


def test_other_drivers_are_asked_in_their_words() -> None:
    file = FILES[0].with_name("us-east-1.pem")
    mine = database_uri({**US, "engine": "mysql"})
    assert mine.endswith(f"?ssl_ca={file}&ssl_verify_identity=true")
    document = {**US, "engine": "mongo", "host": "docs.cluster-c9.us-east-1.docdb.amazonaws.com"}
    assert database_uri(document).endswith(f"?tls=true&tlsCAFile={file}&retryWrites=false")
    assert "?" not in database_uri({**US, "engine": "oracle"})


def test_a_region_without_a_file_is_an_error_that_says_where_there_is_one() -> None:
    with pytest.raises(NotFound, match=r"cn-north-1 are known here.*UsingWithRDS.SSL.*cn-north-1.pem"):
        database_uri({**US, "host": "orders.c9.rds.cn-north-1.amazonaws.com.cn"})
    assert database_uri({**US, "host": "orders.c9.rds.cn-north-1.amazonaws.com.cn"}, ca_file="/cn.pem")


def test_no_login_goes_over_a_line_that_is_not_verified(postgres: Postgres) -> None:
    """The test's server has no TLS: with the URI of an RDS host that leads to it, the login is refused, not bared."""
    uri = database_uri({**US, "username": postgres.user, "password": postgres.password, "port": postgres.port})
    with pytest.raises(psycopg.OperationalError, match="does not support SSL"):
        psycopg.connect(uri, hostaddr="127.0.0.1")
