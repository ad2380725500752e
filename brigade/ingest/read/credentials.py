"""Add credentials to requests, and refresh them when the API rejects them."""

import base64
import json
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol
from urllib.parse import unquote_plus, urlencode, urlsplit

import msgspec
import urllib3
from msgspec.structs import replace

from brigade.errors import BrigadeError, InvalidData, RetryLater, SettingsError
from brigade.ingest.declare.authentication import (
    Authentication,
    Basic,
    Bearer,
    ClientCredentials,
    HeaderKey,
    QueryKey,
    RefreshToken,
    Secret,
)
from brigade.ingest.declare.request import Request, is_header_text
from brigade.ingest.declare.target import refresh_token_key
from brigade.ingest.read.retry import is_retryable
from brigade.masking import holds_secret, register
from brigade.state import State

_EARLY_S = 60.0
_LASTS_S = 3600.0


class _Granted(msgspec.Struct):
    """The response of a token endpoint (https://www.rfc-editor.org/rfc/rfc6749#section-5.1)."""

    access_token: str
    expires_in: float | None = None
    refresh_token: str | None = None


class Credentials(Protocol):
    """The credentials of requests."""

    @property
    def header_names(self) -> tuple[str, ...]:
        """The names of the headers with credentials, which another host must not get."""

    def authorize(self, request: Request) -> Request:
        """Return the request with the credentials."""

    def renew(self) -> bool:
        """Discard the credentials, so that the next request reads new ones. Return False if there are none."""


class NoCredentials:
    """The credentials of a public API: none."""

    header_names: tuple[str, ...] = ()

    def authorize(self, request: Request) -> Request:
        """Return the request unchanged."""
        return request

    def renew(self) -> bool:
        """Return False: there are none."""
        return False


class SourceCredentials:
    """The credentials of a source. Secrets are read when they are first needed, and again after `renew`."""

    def __init__(self, kind: Authentication, read: Callable[[Secret], str], state: State | None, key: str) -> None:
        """Create the credentials.

        Args:
            kind: The declared authentication.
            read: Returns the value of a secret.
            state: Stores a rotated refresh token.
            key: The key of that token.
        """
        self._kind, self._read, self._state, self._key = kind, read, state, key
        self._made: Request | None = None
        self._until = float("inf")

    @property
    def header_names(self) -> tuple[str, ...]:
        """The names of the headers with credentials."""
        return (self._kind.header,) if isinstance(self._kind, HeaderKey) else ("Authorization",)

    def authorize(self, request: Request) -> Request:
        """Return the request with the credentials. Raise BrigadeError if the secret or the token is not available."""
        if self._made is None or time.monotonic() > self._until:
            self._made = self._make()
        made = self._made
        return replace(
            request,
            headers={**request.headers, **made.headers},
            parameters={**request.parameters, **made.parameters},
        )

    def renew(self) -> bool:
        """Discard the secrets, so that the next request reads them again."""
        self._made = None
        return True

    def _make(self) -> Request:
        kind = self._kind
        if isinstance(kind, QueryKey):
            return Request(url="", parameters={kind.parameter: self._read(kind.key)})
        if isinstance(kind, HeaderKey):
            return Request(url="", headers={kind.header: _header(self._read(kind.key), f"secret {kind.key.name}")})
        if isinstance(kind, Basic):
            pair = f"{self._read(kind.user)}:{self._read(kind.password)}".encode()
            basic = base64.b64encode(pair).decode()
            register(basic)
            return Request(url="", headers={"Authorization": f"Basic {basic}"})
        if isinstance(kind, Bearer):
            token = _header(self._read(kind.token), f"secret {kind.token.name}")
        else:
            token = _header(self._granted(kind), f"token of {urlsplit(kind.token_url).hostname}")
        return Request(url="", headers={"Authorization": f"Bearer {token}"})

    def _granted(self, kind: ClientCredentials | RefreshToken) -> str:
        form = {"client_id": self._read(kind.client_id)}
        if kind.client_secret:
            form["client_secret"] = self._read(kind.client_secret)
        if isinstance(kind, ClientCredentials):
            form |= {"grant_type": "client_credentials"} | ({"scope": kind.scope} if kind.scope else {})
            answer = self._ask(kind.token_url, form)
        else:
            answer = self._refreshed(kind, form)
        self._until = time.monotonic() + (_LASTS_S if answer.expires_in is None else answer.expires_in) - _EARLY_S
        return answer.access_token

    def _refreshed(self, kind: RefreshToken, form: dict[str, str]) -> "_Granted":
        if self._state is None:
            raise SettingsError("a source with a RefreshToken needs a state bucket, which keeps the newest token")
        from brigade.ingest.read.refresh_token import rotate_refresh_token  # no other source needs it

        granted: list[_Granted] = []

        def refresh(token: str) -> str | None:
            register(token)
            granted.append(self._ask(kind.token_url, form | {"grant_type": "refresh_token", "refresh_token": token}))
            return granted[0].refresh_token

        rotate_refresh_token(self._state, self._key, self._read(kind.refresh_token), refresh)
        return granted[0]

    def _ask(self, url: str, form: Mapping[str, str]) -> "_Granted":
        host = urlsplit(url).netloc
        try:
            answer = urllib3.request(
                "POST",
                url,
                body=urlencode(form),
                headers={"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"},
                redirect=False,
                timeout=urllib3.Timeout(connect=10, read=30),
            )
        except urllib3.exceptions.HTTPError as error:
            raise RetryLater(f"{host} returned no token ({type(error).__name__}): try again later") from error
        if answer.status != 200:
            raise (RetryLater if is_retryable(answer.status) else BrigadeError)(
                f"{host} returned no token: status {answer.status}; check the secrets that the source names"
            )
        try:
            granted = msgspec.json.decode(answer.data, type=_Granted)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise BrigadeError(f"the response of {host} is not an OAuth 2 token: {error}") from None
        register(granted.access_token)
        register(granted.refresh_token)
        return granted


def _header(value: str, what: str) -> str:
    """Return a header value. Raise BrigadeError, without showing it, if it is invalid: often it ends with a newline."""
    if value != value.strip() or not is_header_text(value):
        raise BrigadeError(
            f"the {what} has a line end, a space at an end, or another character that no header can have: store it anew"
        )
    return value


def remove_credentials(cursor: str, kind: Authentication | None, place: str) -> str:
    """Return the cursor of the next page without the credentials that an API echoes in it.

    Checkpoints and receipts store cursors. From a URL, the query parameter of a `QueryKey` is removed, and any other
    parameter whose value contains a secret. The rest stays byte for byte. Each request adds the credentials again.

    Args:
        place: The name of the page in the error.

    Raises:
        InvalidData: The cursor contains a secret of 8 or more characters elsewhere. It is neither stored nor printed.
    """
    if kind is None:
        return cursor
    head, mark, query = cursor.partition("?")
    if mark and head.lower().startswith(("http://", "https://")):
        query, sharp, fragment = query.partition("#")
        parameter = kind.parameter if isinstance(kind, QueryKey) else None
        kept = [each for each in query.split("&") if not _says_who_asks(each, parameter)]
        cursor = head + ("?" if kept else "") + "&".join(kept) + sharp + fragment
    if holds_secret(cursor):
        raise InvalidData(
            f"{place}: the API puts the source's credentials into the cursor of the next page, which would be stored; "
            "ask it for another kind of pagination, or give the source a `next_cursor` that leaves them out"
        )
    return cursor


def _says_who_asks(member: str, parameter: str | None) -> bool:
    name, _, value = member.partition("=")
    return unquote_plus(name) == parameter or holds_secret(unquote_plus(value))


def open_credentials(
    kind: Authentication | None, client: Callable[[str], Any], state: State | None, source: str
) -> Credentials:
    """Return the credentials of a source. `client` returns the AWS client of a service."""
    if kind is None:
        return NoCredentials()

    def read(secret: Secret) -> str:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            if secret.store == "ssm":
                answer = client("ssm").get_parameter(Name=secret.name, WithDecryption=True)
                value: Any = answer["Parameter"]["Value"]
            else:
                value = client("secretsmanager").get_secret_value(SecretId=secret.name).get("SecretString")
        except (BotoCoreError, ClientError) as error:
            raise BrigadeError(
                f"cannot read the secret {secret.name} of {secret.store}: {error}; the right is in the policy "
                "SourceSecretsPolicyArn of the ingest stack, or put the value into .brigade/secrets.json"
            ) from error
        if value is None:
            raise BrigadeError(f"the secret {secret.name} has no text: it must be stored as a SecretString")
        try:
            wanted = str(value if secret.key is None else json.loads(value)[secret.key])
        except (ValueError, KeyError, TypeError):
            raise BrigadeError(f"the secret {secret.name} has no member {secret.key!r}") from None
        register(wanted)
        return wanted

    return SourceCredentials(kind, read, state, refresh_token_key(source))
