"""Build the URI of a database from the fields of its secret.

Source: https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_secret_json_structure.html (the fields),
https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS (the URI).
"""

import ipaddress
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from brigade.database import authority
from brigade.errors import InvalidData, SettingsError, UsageError
from brigade.masking import MASK

# The engine names of RDS and Secrets Manager begin with one of these: aurora-postgresql, sqlserver-ex, oracle-ee …
_SCHEMES = {
    "aurora-postgresql": "postgresql",
    "aurora": "mysql",
    "postgres": "postgresql",
    "mysql": "mysql",
    "mariadb": "mariadb",
    "sqlserver": "sqlserver",
    "oracle": "oracle",
    "db2": "db2",
    "mongo": "mongodb",
    "docdb": "mongodb",
}
_SCHEME = re.compile(r"[a-z][a-z0-9]*(\+[a-z0-9_]+)?")
# Host names may not have underscores, but names in container networks have them.
_HOST_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,252}[A-Za-z0-9_.])?")


def database_uri(
    secret: Mapping[str, Any],
    *,
    name: str = "of the database",
    scheme: str | None = None,
    options: Mapping[str, str] | None = None,
    ca_file: str | None = None,
) -> str:
    """Return the URI of a database.

    A URI parser returns exactly the secret's user, password, host, port and database.

    For RDS, Aurora and DocumentDB the URI requires TLS and verifies the host's name with the region's authorities
    (`sslmode=verify-full&sslrootcert=…` for PostgreSQL). Drivers of SQL Server, Oracle and Db2 have no common option
    for that, so their URIs have none. A `host` that starts with `/` is the folder of a PostgreSQL socket, or a MySQL or
    MariaDB socket.

    Args:
        secret: The fields `engine`, `username`, `password` and `host`, optionally `port` and `dbname`. Others are
            ignored.
        name: The secret's name, for errors.
        scheme: Replaces the engine's scheme: `postgresql+psycopg`.
        options: More query parameters. They override those for TLS.
        ca_file: The authorities' file for the program that uses the URI. Default: the file in this package.

    Raises:
        InvalidData: A field is missing or malformed. The message has the field and the secret's name, never a value.
        UsageError: `scheme` is malformed.
        NotFound: The authorities of the RDS region are not known.
    """
    scheme = _scheme(secret, scheme, name)
    driver = scheme.partition("+")[0]
    host = _text(secret, "host", name)
    port = _port(secret, name)
    user, password = (quote(_text(secret, field, name, empty=True), safe="") for field in ("username", "password"))
    database = quote(_text(secret, "dbname", name), safe="") if secret.get("dbname") is not None else ""
    if host.startswith("/"):
        where, query = "", _socket(driver, host, port, name)
    else:
        where = _host(host, name) + (f":{port}" if port else "")
        query = _tls(driver, host, ca_file)
    query |= options or {}
    asked = "&".join(f"{key}={quote(value, safe='/')}" for key, value in query.items())
    return f"{scheme}://{user}:{password}@{where}/{database}" + (f"?{asked}" if asked else "")


def mask_uri(uri: str) -> str:
    """Return a URI of `database_uri` with a mask in place of the password. The mask does not show its length."""
    head, _, rest = uri.partition("@")  # an @ of a user or a password is encoded
    return f"{head.rpartition(':')[0]}:{MASK}@{rest}"


def require_engine(uri: str, engine: str, name: str) -> None:
    """Raise an error if a URI is for another engine than the driver's: the driver's error would show the password.

    Args:
        engine: The scheme of a URI, without a driver: `postgresql`.
        name: The secret's name, for the error.

    Raises:
        SettingsError: It is for another engine.
    """
    found = uri.partition(":")[0].partition("+")[0]
    if found != engine:
        raise SettingsError(
            f"the secret {name} is of a database of engine {found}; only {engine} can be opened here: name the secret "
            "of such a database"
        )


def _scheme(secret: Mapping[str, Any], wanted: str | None, name: str) -> str:
    if wanted is not None:
        if not _SCHEME.fullmatch(wanted):
            raise UsageError(f"a scheme is letters, as postgresql or postgresql+psycopg, not {wanted!r}")
        return wanted
    engine = _text(secret, "engine", name).lower()
    for prefix, scheme in _SCHEMES.items():
        if engine.startswith(prefix):
            return scheme
    raise _malformed("engine", name, f"is none that has a scheme here ({', '.join(_SCHEMES)}); give the scheme")


def _text(secret: Mapping[str, Any], field: str, name: str, *, empty: bool = False) -> str:
    if secret.get(field) is None:
        raise _malformed(field, name, "is missing")
    value = secret[field]
    if not isinstance(value, str):
        raise _malformed(field, name, "is not text")
    if not value and not empty:
        raise _malformed(field, name, "is empty")
    if "\0" in value or any("\ud800" <= each <= "\udfff" for each in value):
        raise _malformed(field, name, "has a character that no URI can carry (NUL, or half of a surrogate pair)")
    return value


def _port(secret: Mapping[str, Any], name: str) -> int | None:
    port = secret.get("port")
    if port is None:
        return None
    if isinstance(port, str) and re.fullmatch(r"[0-9]{1,5}", port):
        port = int(port)
    if not isinstance(port, int) or isinstance(port, bool) or not 0 < port < 65536:
        raise _malformed("port", name, "is no number from 1 to 65535")
    return port


def _host(host: str, name: str) -> str:
    try:
        address = ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        if not _HOST_NAME.fullmatch(host):
            raise _malformed("host", name, "is no host name, no IP address, and no path of a socket") from None
        return host
    return f"[{quote(str(address), safe=':')}]" if address.version == 6 else str(address)


def _socket(driver: str, path: str, port: int | None, name: str) -> dict[str, str]:
    match driver:
        case "postgresql":
            return {"host": path} | ({"port": str(port)} if port else {})
        case "mysql" | "mariadb":
            return {"unix_socket": path}
    raise _malformed("host", name, f"is the path of a socket, which {driver} has not")


def _tls(driver: str, host: str, ca_file: str | None) -> dict[str, str]:
    region = authority.find_region(host)
    if region is None or driver not in ("postgresql", "mysql", "mariadb", "mongodb"):
        return {}
    if driver == "postgresql" and authority.is_proxy(host) and not ca_file:
        return {"sslmode": "verify-full", "sslrootcert": "system"}
    file = ca_file or str(authority.find_bundle(region))
    if driver == "postgresql":
        return {"sslmode": "verify-full", "sslrootcert": file}
    if driver == "mongodb":
        return {"tls": "true", "tlsCAFile": file, "retryWrites": "false"}  # which DocumentDB does not have
    return {"ssl_ca": file, "ssl_verify_identity": "true"}


def _malformed(field: str, name: str, what: str) -> InvalidData:
    return InvalidData(f"the field {field} of the secret {name} {what}")
