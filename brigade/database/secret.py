"""A database's secret at run time: read when needed, cached, and read again after a refused login."""

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from brigade.database.uri import database_uri, require_engine
from brigade.errors import BrigadeError, InvalidData, NotFound, RetryLater
from brigade.masking import register_fields
from brigade.retry import RETRYABLE_CODES

if TYPE_CHECKING:
    from types_boto3_secretsmanager import SecretsManagerClient

_Connection = TypeVar("_Connection")


class DatabaseSecret:
    """A database secret in Secrets Manager. It is cached in this object.

    Its values are registered with `brigade.masking`, so no error contains them.

    Args:
        client: boto3's client of `secretsmanager`.
        name: The secret's name or ARN.
        max_age_s: Seconds in the cache. 0: no cache.
    """

    def __init__(self, client: "SecretsManagerClient", name: str, *, max_age_s: int = 300) -> None:
        from aws_lambda_powertools.utilities.parameters import SecretsProvider  # loads boto3

        self.name = name
        self._max_age_s = max_age_s
        self._kept = SecretsProvider(boto3_client=client)

    def fields(self, *, fresh: bool = False) -> Mapping[str, Any]:
        """Return the secret's fields. Needs secretsmanager:GetSecretValue.

        Args:
            fresh: True to ignore the cache.

        Raises:
            NotFound: There is no such secret.
            InvalidData: It is not a JSON object.
            RetryLater: Secrets Manager is busy.
            BrigadeError: Secrets Manager refuses.
        """
        from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError, GetSecretError
        from botocore.exceptions import ClientError

        try:
            value: Any = self._kept.get(self.name, max_age=self._max_age_s, force_fetch=fresh)
        except (GetSecretError, GetParameterError) as error:
            cause = error.__cause__ or error.__context__
            code = cause.response["Error"]["Code"] if isinstance(cause, ClientError) else type(cause).__name__
            raise _unread(self.name, code) from None
        try:
            fields = json.loads(value)
        except ValueError:  # its message would quote the value
            fields = None
        if not isinstance(fields, dict):
            raise InvalidData(
                f"the secret {self.name} is no JSON object with the fields of a database: engine, host, port, "
                "username, password, dbname"
            )
        register_fields(fields)
        return fields

    def uri(self, *, scheme: str | None = None, fresh: bool = False) -> str:
        """Return the secret's URI. Arguments and errors are those of `fields` and `database_uri`."""
        return database_uri(self.fields(fresh=fresh), name=self.name, scheme=scheme)

    def connect(
        self, connect: Callable[[str], _Connection], refused: type[Exception], *, engine: str | None = None
    ) -> _Connection:
        """Return `connect(uri)`. After a refused login the secret is read again, for one more try.

        A password that was rotated while the old one was kept costs one refused login, and no error.

        Args:
            connect: The driver's function.
            refused: Its exception for a refused login (`psycopg.OperationalError`: psycopg has no class for a wrong
                password). If the secret has not changed, the first exception is raised.
            engine: The only engine that `connect` supports, as the URI's scheme (`postgresql`). None: any.

        Raises:
            SettingsError: The secret is for another engine. No connection was tried.
        """
        uri = self.uri()
        if engine is not None:
            require_engine(uri, engine, self.name)
        try:
            return connect(uri)
        except refused:
            renewed = self.uri(fresh=True)
            if renewed == uri:
                raise
        return connect(renewed)


def _unread(name: str, code: str) -> BrigadeError:
    if code == "ResourceNotFoundException":
        return NotFound(f"there is no secret {name} in this account and region, or it has no value yet")
    if code in RETRYABLE_CODES:
        return RetryLater(f"Secrets Manager did not give the secret {name} ({code}); try again")
    return BrigadeError(
        f"Secrets Manager did not give the secret {name} ({code}): it takes GetSecretValue, and Decrypt"
    )
