"""Rotate a password in the four steps of Secrets Manager, and keep the secret with the URI in sync.

Each step is idempotent: Secrets Manager retries a failed one.

Source: https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html
"""

import json
import secrets
import string
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg

from brigade.database.uri import database_uri, require_engine
from brigade.errors import BrigadeError, InvalidData, NotFound
from brigade.masking import register_fields

if TYPE_CHECKING:
    from types_boto3_secretsmanager import SecretsManagerClient

_ALPHABET = string.ascii_letters + string.digits
_LENGTH = 40
_LOGIN_SECONDS = 5


@dataclass(frozen=True)
class Rotation:
    """One rotation of one PostgreSQL secret. The role changes its own password.

    After `set` the old password does not log in any more. A client that still has it reads the secret again after the
    refused login (`brigade.database.secret.DatabaseSecret.connect`), and fails between `set` and `finish`. The new
    password has 40 letters and digits, so it needs no escaping.

    Args:
        client: boto3's client of `secretsmanager`.
        name: The secret's name.
        token: The id of the new version, which Secrets Manager passes to each step.
    """

    client: "SecretsManagerClient"
    name: str
    token: str

    def create(self) -> None:
        """Store a version with a new password as AWSPENDING, unless there is one."""
        if self._is_done() or self._has_value():
            return
        fields = {**self._fields("AWSCURRENT"), "password": "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))}
        register_fields(fields)
        self.client.put_secret_value(
            SecretId=self.name,
            ClientRequestToken=self.token,
            SecretString=json.dumps(fields),
            VersionStages=["AWSPENDING"],
        )

    def set(self) -> None:
        """Change the role's password to the new one. The login uses the current password, or the one before it.

        The server gets the password's SCRAM verifier, so its log never has the password.

        Raises:
            BrigadeError: Neither password logs in.
            InvalidData: The two versions name different databases.
        """
        if self._is_done() or self._opens(pending := self._fields("AWSPENDING", self.token)):
            return
        for stage in ("AWSCURRENT", "AWSPREVIOUS"):
            try:
                known = self._fields(stage)
            except NotFound:
                continue
            for name in ("username", "host"):
                if known.get(name) != pending.get(name):
                    raise InvalidData(f"the field {name} of the secret {self.name} changed in the midst of a rotation")
            try:
                connection = self._connect(known)
            except psycopg.OperationalError:
                continue
            with connection:
                connection.pgconn.change_password(known["username"].encode(), pending["password"].encode())
            return
        raise BrigadeError(f"no version of the secret {self.name} logs in to its database; set the role's password")

    def test(self) -> None:
        """Log in with the new password and run a query.

        Raises:
            BrigadeError: The server does not answer.
        """
        if not self._is_done() and not self._opens(self._fields("AWSPENDING", self.token)):
            raise BrigadeError(f"the new password of the secret {self.name} does not log in")

    def finish(self, *, uri_secret: str | None = None, ca_file: str | None = None) -> None:
        """Make the new version AWSCURRENT.

        Args:
            uri_secret: A secret whose value becomes the new URI before that.
            ca_file: As in `database_uri`.
        """
        self._is_done()  # or under way
        if uri_secret:
            uri = database_uri(self._fields(None, self.token), name=self.name, ca_file=ca_file)
            self.client.put_secret_value(SecretId=uri_secret, ClientRequestToken=self.token, SecretString=uri)
        current = next((version for version, names in self._stages().items() if "AWSCURRENT" in names), None)
        if current != self.token:
            self.client.update_secret_version_stage(
                SecretId=self.name,
                VersionStage="AWSCURRENT",
                MoveToVersionId=self.token,
                **({"RemoveFromVersionId": current} if current else {}),
            )

    def _is_done(self) -> bool:
        """Return whether the rotation has finished. Raises BrigadeError if Secrets Manager has not begun it."""
        stages = self._stages().get(self.token)
        if stages is None or not {"AWSPENDING", "AWSCURRENT"} & {*stages}:
            raise BrigadeError(f"the version {self.token} of the secret {self.name} is not one that is being rotated")
        return "AWSCURRENT" in stages

    def _stages(self) -> Mapping[str, list[str]]:
        answer = self.client.describe_secret(SecretId=self.name)
        stages: Mapping[str, list[str]] = answer.get("VersionIdsToStages", {})
        return stages

    def _has_value(self) -> bool:
        try:
            self._fields("AWSPENDING", self.token)
        except NotFound:
            return False
        return True

    def _fields(self, stage: str | None, token: str | None = None) -> Mapping[str, Any]:
        wanted = {name: value for name, value in (("VersionStage", stage), ("VersionId", token)) if value}
        try:
            value = self.client.get_secret_value(SecretId=self.name, **wanted)["SecretString"]
        except self.client.exceptions.ResourceNotFoundException:
            raise NotFound(f"the secret {self.name} has no version {token or stage}") from None
        try:
            fields = json.loads(value)
        except ValueError:  # its message would quote the value
            fields = None
        if not isinstance(fields, dict):
            raise InvalidData(f"the secret {self.name} is no JSON object with the fields of a database")
        register_fields(fields)
        return fields

    def _connect(self, fields: Mapping[str, Any]) -> "psycopg.Connection[Any]":
        options = {"connect_timeout": str(_LOGIN_SECONDS), "application_name": "brigade-rotation"}
        uri = database_uri(fields, name=self.name, options=options)
        require_engine(uri, "postgresql", self.name)
        return psycopg.connect(uri, autocommit=True)

    def _opens(self, fields: Mapping[str, Any]) -> bool:
        try:
            with self._connect(fields) as connection:
                return connection.execute("select 1").fetchone() == (1,)
        except psycopg.OperationalError:
            return False
