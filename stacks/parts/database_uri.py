"""The credentials of a database for a program, as fields or as one URI, without a password in a template."""

from collections.abc import Mapping

from aws_cdk import Fn, SecretValue
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from stacks.parts import nag

FIELDS = ("engine", "host", "port", "username", "password", "dbname")


def container_fields(secret: secretsmanager.ISecret, prefix: str = "DATABASE_") -> Mapping[str, ecs.Secret]:
    """Return the `secrets` of a container: one environment variable for each field, such as `DATABASE_HOST`.

    The template names the secret and the field. ECS reads the value when the task starts, so a running task keeps the
    old password after a rotation. Restart it, or let the program read the secret (`brigade.database.secret`).

    Args:
        secret: A secret that is attached to its database. An unattached one has no host.
        prefix: Start of the name of each variable.
    """
    return {f"{prefix}{field.upper()}": ecs.Secret.from_secrets_manager(secret, field) for field in FIELDS}


class AlphanumericPassword(secretsmanager.Secret):
    """A secret with `username` and a generated `password` of 40 letters and digits, which no URI needs to escape."""

    def __init__(self, scope: Construct, construct_id: str, *, username: str, description: str) -> None:
        super().__init__(
            scope,
            construct_id,
            description=description,
            generate_secret_string=secretsmanager.SecretStringGenerator(
                secret_string_template=f'{{"username":"{username}"}}',
                generate_string_key="password",
                exclude_punctuation=True,
                password_length=40,
            ),
        )


class UriSecret(secretsmanager.Secret):
    """A secret with the whole URI, for a program that accepts nothing else (`PGRST_DB_URI`).

    CloudFormation inserts the password by a dynamic reference when it creates this secret. That is safe here for two
    reasons, and nowhere else. The value goes into a secret, not into the readable configuration of a function or
    container. And the password is an `AlphanumericPassword`, because CloudFormation escapes nothing. In each rotation
    the function writes the secret again (`brigade.database.rotation`).
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        username: str,
        password: AlphanumericPassword,
        host: str,
        port: str,
        dbname: str,
        options: str,
    ) -> None:
        """Create the secret.

        Args:
            scope: The parent construct.
            construct_id: The id of this construct in `scope`.
            username: The user, without characters that a URI escapes.
            password: The secret with the password.
            host: The host name of the database.
            port: The port of the database.
            dbname: The name of the database, without characters that a URI escapes.
            options: The query part of the URI, after the `?`. May be empty.
        """
        uri = f"postgresql://{username}:${{Password}}@${{Host}}:${{Port}}/{dbname}" + (f"?{options}" if options else "")
        # This reference makes CloudFormation create the secret with the password first.
        reference = password.secret_value_from_json("password").unsafe_unwrap()
        value = Fn.sub(uri, {"Password": reference, "Host": host, "Port": port})
        super().__init__(
            scope,
            construct_id,
            description="The URI of the database",
            secret_string_value=SecretValue.unsafe_plain_text(value),
        )
        nag.accept(self, "SMG4", "The rotation of the password's secret writes this secret too.")
