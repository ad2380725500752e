"""What a program is given of a database's secret, so that no password is in a template: fields, or the whole URI."""

from collections.abc import Mapping

from aws_cdk import Fn, SecretValue
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from stacks.parts import nag

FIELDS = ("engine", "host", "port", "username", "password", "dbname")


def container_fields(secret: secretsmanager.ISecret, prefix: str = "DATABASE_") -> Mapping[str, ecs.Secret]:
    """Give a container's ``secrets``, one variable a field (``DATABASE_HOST`` …): ECS reads them as the task starts.

    The template names the secret and the field. A task that runs keeps what it was given: after a rotation it must
    start anew, or read the secret itself (``brigade.database.secret``). ``secret`` is one that is attached to its
    database: before, it has no host.
    """
    return {f"{prefix}{field.upper()}": ecs.Secret.from_secrets_manager(secret, field) for field in FIELDS}


class PlainPassword(secretsmanager.Secret):
    """A secret with ``username`` and a generated ``password`` of 40 letters and digits: no URI needs to escape them."""

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
    """A second secret, which holds the whole URI, for a program that takes nothing else (``PGRST_DB_URI``).

    CloudFormation puts the password in when it makes this secret, by a dynamic reference: that is safe here for two
    reasons, and nowhere else. The value goes into a secret, not into a function's or a container's readable
    configuration; and the password is a ``PlainPassword``, since CloudFormation escapes nothing. At each rotation the
    rotating function writes it anew (``brigade.database.rotation``).
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        username: str,
        password: PlainPassword,
        host: str,
        port: str,
        dbname: str,
        options: str,
    ) -> None:
        """Arguments: ``options``, all after the ``?``; may be empty. ``username`` and ``dbname`` are plain words."""
        uri = f"postgresql://{username}:${{Password}}@${{Host}}:${{Port}}/{dbname}" + (f"?{options}" if options else "")
        # The reference names the secret that was made first, so that this one comes after it.
        reference = password.secret_value_from_json("password").unsafe_unwrap()
        value = Fn.sub(uri, {"Password": reference, "Host": host, "Port": port})
        super().__init__(
            scope,
            construct_id,
            description="The URI of the database",
            secret_string_value=SecretValue.unsafe_plain_text(value),
        )
        nag.accept(self, "SMG4", "It changes with the secret whose URI it holds, by that secret's rotation.")
