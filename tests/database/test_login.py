"""A login that fails is told by its SQLSTATE: in any language, once, in one line."""

import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from brigade.database.rows import connect
from brigade.errors import BrigadeError, RetryLater
from brigade.ingest.read.postgres import TableReader
from local.postgres import Postgres
from tests.database.tables import Given, execute, given, source


@pytest.fixture(scope="module")
def german() -> Iterator[Postgres]:
    """A server that speaks German, and TLS with an authority of its own."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: float(path.parts[-3]))
    if not found:
        pytest.skip("no PostgreSQL is in /usr/lib/postgresql, and the embedded one has neither translations nor TLS")
    server = Postgres(
        binaries=found[-1].parent,
        locale="C.UTF-8",
        settings={"lc_messages": "C.UTF-8", "max_connections": "6", "superuser_reserved_connections": "2"},
        environment={"LC_ALL": "C.UTF-8", "LANGUAGE": "de"},
    )
    data = server.folder / "data"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    subprocess.run([*command, "-keyout", "server.key", "-out", "server.crt"], cwd=data, check=True, capture_output=True)
    for name in ("server.key", "server.crt"):
        (data / name).chmod(0o600)
        subprocess.run(["chown", "--reference", str(data), str(data / name)], check=True)
    (data / "pg_hba.conf").write_text(
        "host all locked all reject\nhostssl all secure all scram-sha-256\nhost all all all scram-sha-256\n"
    )
    execute(
        server,
        "ALTER SYSTEM SET ssl = on",
        "SELECT pg_reload_conf()",
        "CREATE ROLE locked LOGIN PASSWORD 'x'",
        "CREATE ROLE few LOGIN PASSWORD 'x' CONNECTION LIMIT 0",
    )
    yield server
    server.close()


def uri_of(server: Postgres, user: str = "", password: str = "", database: str = "postgres", options: str = "") -> str:
    return (
        f"postgresql://{user or server.user}:{password or server.password}@localhost:{server.port}/{database}{options}"
    )


@pytest.mark.parametrize(
    ("asked", "kind", "said"),
    [
        ({"password": "wrong"}, BrigadeError, r"Passwort-Authentifizierung.*\(28P01\)"),
        ({"user": "nobody", "password": "x"}, BrigadeError, r"\(28P01\)"),
        ({"database": "nowhere"}, BrigadeError, r"Datenbank »nowhere« existiert nicht \(3D000\)"),
        ({"user": "locked", "password": "x"}, BrigadeError, r"\(28000\)"),
        ({"user": "secure", "password": "x", "options": "?sslmode=disable"}, BrigadeError, r"\(28000\)|\(28P01\)"),
        ({"user": "few", "password": "x"}, RetryLater, r"zu viele Verbindungen .*\(53300\)"),
        ({"options": "?sslmode=verify-full&sslrootcert=/nowhere.pem"}, BrigadeError, "root certificate file"),
        ({"options": "?sslmode=verify-full&sslrootcert={ca}"}, BrigadeError, "certificate verify failed"),
        ({"options": "?sslmode=verify-full&sslrootcert=system"}, BrigadeError, "certificate verify failed"),
    ],
)
def test_a_refused_login_is_tried_once_and_said_in_one_line(
    german: Postgres, asked: dict[str, str], kind: type[BrigadeError], said: str
) -> None:
    authority = sorted((Path(__file__).parents[2] / "brigade/database/authorities").glob("*.pem"))[0]
    wanted = {name: value.replace("{ca}", str(authority)) for name, value in asked.items()}
    secret = Given(uri_of(german, **wanted))
    rows = TableReader(
        source(query="SELECT 1 AS k", key=("k",), tries=1 if kind is RetryLater else 6), secret, lambda: 900.0
    )
    with pytest.raises(BrigadeError, match=said) as caught:
        rows.page(None)
    assert type(caught.value) is kind
    assert "\n" not in str(caught.value)
    assert secret.logins == 1
    assert german.password not in str(caught.value)


def test_a_login_over_tls_with_its_own_authority_opens(german: Postgres) -> None:
    certificate = german.folder / "data" / "server.crt"
    with connect(uri_of(german, options=f"?sslmode=verify-full&sslrootcert={certificate}")) as connection:
        row = connection.execute("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").fetchone()
    assert row == (True,)


def test_a_server_without_tls_is_no_reason_to_try_again(postgres: Postgres) -> None:
    secret = Given(given(postgres).uri + "?sslmode=require")
    with pytest.raises(BrigadeError, match="does not support SSL") as caught:
        TableReader(source(query="SELECT 1 AS k", key=("k",)), secret, lambda: 900.0).page(None)
    assert (type(caught.value), secret.logins) == (BrigadeError, 1)


def test_a_server_that_is_starting_is_to_be_tried_again(postgres: Postgres) -> None:
    """The server responds with 57P03 (cannot_connect_now), in any language."""
    fields = b"SFATAL\0VFATAL\0C57P03\0Mdas Datenbanksystem startet\0\0"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        def answer() -> None:
            client, _ = listener.accept()
            with client:
                client.recv(8)
                client.sendall(b"N")
                client.recv(1000)
                client.sendall(b"E" + (len(fields) + 4).to_bytes(4, "big") + fields)

        threading.Thread(target=answer, daemon=True).start()
        with pytest.raises(psycopg.errors.CannotConnectNow, match="das Datenbanksystem startet"):
            connect(f"postgresql://u:p@127.0.0.1:{port}/d")


def test_a_server_that_says_nothing_is_given_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("brigade.database.rows._CONNECT_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        began = time.monotonic()
        with pytest.raises(psycopg.OperationalError, match="connection timeout expired"):
            connect(f"postgresql://u:p@127.0.0.1:{listener.getsockname()[1]}/d")
        assert time.monotonic() - began < 30


def test_logins_leave_no_file_open(postgres: Postgres) -> None:
    def count() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    connect(given(postgres).uri).close()
    before = count()
    for _ in range(20):
        connect(given(postgres).uri).close()
        with pytest.raises(psycopg.errors.InvalidPassword):
            connect(uri_of(postgres, password="wrong"))
    assert count() == before
