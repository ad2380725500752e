"""A database's secret at run time: read when it is needed, kept for a while, read anew once it no longer opens."""

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from brigade.database.uri import database_uri, require_engine
from brigade.errors import BrigadeError, InvalidData, NotFound, RetryLater
from brigade.masking import register_fields

_Connection = TypeVar("_Connection")
_THROTTLED = ("ThrottlingException", "InternalServiceError", "RequestTimeout")


class Secret:
    """The secret ``name`` (its name or ARN), read with ``client``, boto3's of ``secretsmanager``.

    What was read is kept by Powertools' parameters, in this object, for ``max_age_s`` seconds; ``0`` keeps nothing.
    No value of the secret is ever in an error: what is read is registered with ``brigade.masking``.
    """

    def __init__(self, client: Any, name: str, *, max_age_s: int = 300) -> None:
        from aws_lambda_powertools.utilities.parameters import SecretsProvider  # loads boto3

        self.name = name
        self._max_age_s = max_age_s
        self._kept = SecretsProvider(boto3_client=client)

    def fields(self, *, fresh: bool = False) -> Mapping[str, Any]:
        """Give the secret's fields as they are kept, or as Secrets Manager has them now if ``fresh``.

        Fails with NotFound if there is no such secret, InvalidData if it is no JSON object, RetryLater if Secrets
        Manager is busy, BrigadeError if it refuses. Needs secretsmanager:GetSecretValue.
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
        """Give the secret's URI; arguments and failures are those of ``fields`` and ``database_uri``."""
        return database_uri(self.fields(fresh=fresh), name=self.name, scheme=scheme)

    def connect(
        self, connect: Callable[[str], _Connection], refused: type[Exception], *, engine: str | None = None
    ) -> _Connection:
        """Return the connection that ``connect(uri)`` makes, with the secret read anew after a refused login.

        A password that was rotated while the old one was kept costs one refused login, and no error.

        Args:
            connect: The driver's function.
            refused: What it raises at a refused login (``psycopg.OperationalError``: psycopg has no type of its own
                for a wrong password). With the secret unchanged the first failure is raised as it was.
            engine: The only engine that ``connect`` can open, as the URI's scheme names it (``postgresql``). None: any.

        Raises:
            SettingsError: The secret is of another engine. No connection was tried.
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
    if code in _THROTTLED:
        return RetryLater(f"Secrets Manager did not give the secret {name} ({code}); try again")
    return BrigadeError(
        f"Secrets Manager did not give the secret {name} ({code}): it takes GetSecretValue, and Decrypt"
    )
