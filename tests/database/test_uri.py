"""The URI gives back exactly what the secret has, through two readers of URIs and a real login."""

import string
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy.engine import make_url

from brigade.database.uri import database_uri, mask_uri
from brigade.errors import BrigadeError, InvalidData, UsageError
from brigade.masking import MASK
from local.postgres import Postgres

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=40)
ADDRESS = st.ip_addresses().map(str)
SECRET = {"engine": "postgres", "host": "db.example", "port": 5432, "username": "u", "password": "p", "dbname": "d"}
PRINTABLE = "".join(chr(code) for code in range(0x20, 0x7F))


@given(user=TEXT, password=TEXT, host=ADDRESS | st.just("db.example"), port=st.integers(1, 65535), dbname=TEXT)
def test_every_field_comes_back_through_psycopg_and_sqlalchemy(
    user: str, password: str, host: str, port: int, dbname: str
) -> None:
    fields = {"username": user, "password": password, "host": host, "port": port, "dbname": dbname}
    uri = database_uri({"engine": "postgres", **fields})
    read = conninfo_to_dict(uri)
    assert read == {"user": user, "password": password, "host": host, "port": str(port), "dbname": dbname}
    parsed = make_url(uri)
    assert (parsed.username, parsed.password, parsed.port, parsed.database) == (user, password, port, dbname)
    assert parsed.host == host


@given(password=st.text(max_size=60), engine=st.text(max_size=9) | st.just("postgres"), host=st.text(max_size=30))
def test_whatever_the_fields_are_there_is_a_uri_that_comes_back_or_an_error_without_a_value(
    password: str, engine: str, host: str
) -> None:
    secret = {"engine": engine, "username": "user-of-the-secret", "password": password, "host": host}
    said = ""
    try:
        uri = database_uri(secret, name="orders")
    except InvalidData as error:
        said = str(error)
    if said:
        assert "secret orders" in said
        assert "user-of-the-secret" not in said
    else:
        assert unquote(uri.partition("user-of-the-secret:")[2].partition("@")[0]) == password


@pytest.mark.parametrize(
    "password",
    [PRINTABLE, "пароль-密码-كلمة-🔑", "%41%zz+ ", "a b", "'; DROP ROLE x; --", string.punctuation[::-1], "é"],
)
def test_a_role_with_any_password_logs_in_by_the_uri(
    postgres: Postgres, secret: Mapping[str, Any], password: str
) -> None:
    name = "Ökonom @:/?#[] 水"
    with psycopg.connect(database_uri(secret), autocommit=True) as admin:
        role = sql.SQL("role {} ").format(sql.Identifier(name))
        admin.execute(sql.SQL("drop ") + sql.SQL("role if exists {}").format(sql.Identifier(name)))
        admin.execute(sql.SQL("create ") + role + sql.SQL("login password {}").format(sql.Literal(password)))
    mine = {**secret, "username": name, "password": password}
    for host in ("127.0.0.1", "::1", "localhost", str(postgres.folder)):
        with psycopg.connect(database_uri({**mine, "host": host})) as connection:
            assert connection.execute("select current_user").fetchone() == (name,)
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(database_uri({**mine, "password": password + "x"}))


@pytest.fixture
def odd_database(secret: Mapping[str, Any]) -> Iterator[str]:
    name = 'or/ders?"#% ä'
    with psycopg.connect(database_uri(secret), autocommit=True) as admin:
        admin.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        yield name
        admin.execute(sql.SQL("drop database {}").format(sql.Identifier(name)))


def test_a_database_of_any_name_is_reached(secret: Mapping[str, Any], odd_database: str) -> None:
    with psycopg.connect(database_uri({**secret, "dbname": odd_database})) as connection:
        assert connection.execute("select current_database()").fetchone() == (odd_database,)


@pytest.mark.parametrize(
    ("engine", "scheme"),
    [
        ("postgres", "postgresql"),
        ("postgresql", "postgresql"),
        ("aurora-postgresql", "postgresql"),
        ("mysql", "mysql"),
        ("aurora-mysql", "mysql"),
        ("aurora", "mysql"),
        ("mariadb", "mariadb"),
        ("sqlserver", "sqlserver"),
        ("sqlserver-ex", "sqlserver"),
        ("oracle", "oracle"),
        ("oracle-ee-cdb", "oracle"),
        ("db2", "db2"),
        ("db2-se", "db2"),
        ("mongo", "mongodb"),
        ("docdb", "mongodb"),
        ("Postgres", "postgresql"),
    ],
)
def test_the_engine_says_the_scheme(engine: str, scheme: str) -> None:
    assert database_uri({**SECRET, "engine": engine}) == f"{scheme}://u:p@db.example:5432/d"


def test_a_scheme_given_wins_and_needs_no_engine() -> None:
    without = {name: value for name, value in SECRET.items() if name != "engine"}
    assert database_uri(without, scheme="postgresql+psycopg") == "postgresql+psycopg://u:p@db.example:5432/d"
    for wrong in ("", "Postgres", "a b", "postgresql://", "a+b+c"):
        with pytest.raises(UsageError, match="scheme"):
            database_uri(SECRET, scheme=wrong)


def test_port_and_database_may_be_missing_and_a_port_may_be_text() -> None:
    assert database_uri({**SECRET, "port": None, "dbname": None}) == "postgresql://u:p@db.example/"
    assert database_uri({**SECRET, "port": "5433"}) == "postgresql://u:p@db.example:5433/d"


def test_an_empty_password_is_one() -> None:
    assert database_uri({**SECRET, "password": ""}) == "postgresql://u:@db.example:5432/d"


@pytest.mark.parametrize(
    ("host", "written"),
    [
        ("::1", "[::1]"),
        ("[2001:DB8::1]", "[2001:db8::1]"),
        ("fe80::1%eth0", "[fe80::1%25eth0]"),
        ("10.0.0.1", "10.0.0.1"),
        ("db_1.internal", "db_1.internal"),
        ("db.example.", "db.example."),
    ],
)
def test_an_address_is_written_as_uris_have_it(host: str, written: str) -> None:
    uri = database_uri({**SECRET, "host": host})
    assert uri == f"postgresql://u:p@{written}:5432/d"
    assert conninfo_to_dict(uri)["host"] == unquote(written).strip("[]")


def test_a_socket_is_an_option_where_the_driver_has_one() -> None:
    assert database_uri({**SECRET, "host": "/run/my pg"}) == "postgresql://u:p@/d?host=/run/my%20pg&port=5432"
    my = {**SECRET, "engine": "mysql", "host": "/run/mysqld.sock"}
    assert database_uri(my) == "mysql://u:p@/d?unix_socket=/run/mysqld.sock"
    assert make_url(database_uri(my)).query == {"unix_socket": "/run/mysqld.sock"}
    with pytest.raises(InvalidData, match=r"host .* of the database .*oracle has not"):
        database_uri({**SECRET, "engine": "oracle", "host": "/run/x"})


SENTINEL = "sentinel-1f9c"


@pytest.mark.parametrize(
    ("field", "value", "what"),
    [
        ("engine", None, "missing"),
        ("engine", SENTINEL, "none that has a scheme"),
        ("host", None, "missing"),
        ("host", "", "empty"),
        ("host", f"{SENTINEL}@evil", "no host name"),
        ("host", f"{SENTINEL}:5432", "no host name"),
        ("host", f"{SENTINEL}/x", "no host name"),
        ("host", [SENTINEL], "not text"),
        ("port", SENTINEL, "no number"),
        ("port", 0, "no number"),
        ("port", 65536, "no number"),
        ("port", True, "no number"),
        ("port", 5432.5, "no number"),
        ("username", None, "missing"),
        ("username", 7, "not text"),
        ("password", None, "missing"),
        ("password", {"value": SENTINEL}, "not text"),
        ("password", f"{SENTINEL}\0", "no URI can carry"),
        ("password", f"{SENTINEL}\ud800", "no URI can carry"),
        ("dbname", "", "empty"),
        ("dbname", 5, "not text"),
    ],
)
def test_an_error_names_the_field_and_the_secret_and_no_value(field: str, value: object, what: str) -> None:
    with pytest.raises(BrigadeError) as caught:
        database_uri({**SECRET, "password": "sentinel-2e8d", field: value}, name="prod/orders")
    text = str(caught.value)
    assert f"field {field} of the secret prod/orders" in text
    assert what in text
    assert "sentinel" not in text
    assert caught.value.__cause__ is None


@given(user=TEXT, password=TEXT)
def test_a_masked_uri_has_nothing_of_the_password(user: str, password: str) -> None:
    shown = mask_uri(database_uri({**SECRET, "username": user, "password": password}))
    assert shown == database_uri({**SECRET, "username": user, "password": "p"}).replace(":p@", f":{MASK}@")
