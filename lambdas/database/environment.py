"""The environment variables of the function that rotates the password of the database."""

from dataclasses import dataclass

from lambdas.environment import FunctionEnvironment


@dataclass(frozen=True, kw_only=True)
class RotationEnvironment(FunctionEnvironment):
    """The environment variables of the function that rotates the password of the database.

    Attributes:
        uri_secret: The ARN of the secret with the database URI.
        service: The ECS service that reads the URI when it starts: `<cluster>/<service>`.
        ca_file: The path, in the container of the service, of the certificates that sign the database's certificate.
    """

    uri_secret: str
    service: str
    ca_file: str | None = None
