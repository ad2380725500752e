"""The authentication of a source to an API. The declarations name secrets, and never hold their values."""

from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta

from brigade.declarations import Declaration
from brigade.ingest.declare.request import Text, Token

_TokenUrl = Annotated[
    str, Meta(pattern=r"^https?://[^\s/?#@]+(/[^\s#@]*)?\Z", description="http(s)://host[:port]/path, without a user")
]


SecretName = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9/_+=.@!:-]{1,2048}\Z",
        description="the name or ARN of a secret, of letters, digits and /_+=.@!:-",
    ),
]
"""It takes no `*`, which would let the function of the source read every matching secret."""


class Secret(Declaration, frozen=True):
    """A reference to a secret of Secrets Manager, or to a parameter of Systems Manager.

    Attributes:
        name: Its name or ARN.
        key: The member to read, if the value is a JSON object.
        store: `secretsmanager` or `ssm`.
    """

    name: SecretName
    key: Text | None = None
    store: Literal["secretsmanager", "ssm"] = "secretsmanager"


class HeaderKey(Declaration, frozen=True, kw_only=True):
    """An API key in a header."""

    header: Token
    key: Secret


class QueryKey(Declaration, frozen=True, kw_only=True):
    """An API key in a query parameter."""

    parameter: Text
    key: Secret


class Basic(Declaration, frozen=True, kw_only=True):
    """Basic authentication (https://www.rfc-editor.org/rfc/rfc7617)."""

    user: Secret
    password: Secret


class Bearer(Declaration, frozen=True, kw_only=True):
    """A bearer token, which is renewed outside of the source (https://www.rfc-editor.org/rfc/rfc6750)."""

    token: Secret


class ClientCredentials(Declaration, frozen=True, kw_only=True):
    """OAuth 2 client credentials (https://www.rfc-editor.org/rfc/rfc6749#section-4.4)."""

    token_url: _TokenUrl
    client_id: Secret
    client_secret: Secret
    scope: Text | None = None


class RefreshToken(Declaration, frozen=True, kw_only=True):
    """An OAuth 2 refresh token (https://www.rfc-editor.org/rfc/rfc6749#section-6).

    The first token is in the secret. A rotated one is stored in the state bucket, under compare-and-swap.
    """

    token_url: _TokenUrl
    client_id: Secret
    client_secret: Secret | None = None
    refresh_token: Secret


Authentication: TypeAlias = HeaderKey | QueryKey | Basic | Bearer | ClientCredentials | RefreshToken


def list_secrets(authentication: Authentication | None) -> list[Secret]:
    """Return the secrets of an authentication."""
    if authentication is None:
        return []
    return [value for value in msgspec.structs.astuple(authentication) if isinstance(value, Secret)]
