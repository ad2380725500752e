"""Secrets in a file on this machine, for a developer who may not read those in AWS."""

import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from brigade.errors import SettingsError

VARIABLE = "BRIGADE_SECRETS_FILE"
_DEFAULT = Path(".brigade/secrets.json")
SERVICES = ("secretsmanager", "ssm")


def read() -> tuple[Path, Mapping[str, str]] | None:
    """Return the path of the file of secrets and its values by name; None without a file.

    The file is `.brigade/secrets.json`, which git ignores, or the one that `BRIGADE_SECRETS_FILE` names. It is a JSON
    object from the name of a secret, or of a parameter of Systems Manager, to its value: text or an object.

    Raises:
        SettingsError: Another user owns the file or may read it, or it is not such an object.
    """
    named = os.environ.get(VARIABLE)
    path = Path(named) if named else _DEFAULT
    try:
        with path.open("rb") as file:
            status, body = os.fstat(file.fileno()), file.read()
    except FileNotFoundError:
        if named:
            raise SettingsError(f"{VARIABLE} names {path}, which does not exist") from None
        return None
    except OSError as error:
        raise SettingsError(f"the file of secrets {path} cannot be read: {error.strerror}") from None
    if status.st_uid != os.geteuid() or stat.S_IMODE(status.st_mode) & 0o077:
        raise SettingsError(
            f"{path} holds secrets, but other users may read or own it: run chmod 600 {path} as its owner"
        )
    return path, _values(body, path)


def _values(body: bytes, path: Path) -> Mapping[str, str]:
    import json  # most commands read no such file

    try:
        values = json.loads(body)
    except ValueError:  # the message of this error would quote the file
        values = None
    if not isinstance(values, dict) or not all(isinstance(value, str | dict) for value in values.values()):
        raise SettingsError(
            f"{path} must be one JSON object from the name of each secret to its value, text or an object"
        )
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in values.items()}


class FileClient:
    """A client of Secrets Manager or Systems Manager that returns the secrets of the file, and the others from AWS.

    The client of AWS is made when it is first needed.
    """

    def __init__(self, path: Path, values: Mapping[str, str], make: Callable[[], Any], note: Callable[[str], None]):
        self._path, self._values, self._make, self._note = path, values, make, note

    def get_secret_value(self, **asked: Any) -> Any:
        """Return the response of GetSecretValue."""
        if (value := self._value(asked["SecretId"])) is not None:
            return {"SecretString": value}
        return self._make().get_secret_value(**asked)

    def get_parameter(self, **asked: Any) -> Any:
        """Return the response of GetParameter."""
        if (value := self._value(asked["Name"])) is not None:
            return {"Parameter": {"Value": value}}
        return self._make().get_parameter(**asked)

    def _value(self, name: str) -> str | None:
        if name in self._values:
            self._note(f"the secret {name} is read from {self._path}, not from AWS")
        return self._values.get(name)
