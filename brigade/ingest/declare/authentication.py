"""Who asks an API: pure declarations that name secrets, never hold them."""

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
"""A `*` in it would let the source's function read every secret that fits."""


class Secret(Declaration, frozen=True):
    """A value kept elsewhere: the ``name`` of a secret of Secrets Manager, or of a parameter of Systems Manager.

    ``key``: which member, if the value is a JSON object.
    """

    name: SecretName
    key: Text | None = None
    store: Literal["secretsmanager", "ssm"] = "secretsmanager"


class HeaderKey(Declaration, frozen=True, kw_only=True):
    """A key in a header of this name."""

    header: Token
    key: Secret


class QueryKey(Declaration, frozen=True, kw_only=True):
    """A key in a query parameter of this name."""

    parameter: Text
    key: Secret


class Basic(Declaration, frozen=True, kw_only=True):
    """A user and a password (https://www.rfc-editor.org/rfc/rfc7617)."""

    user: Secret
    password: Secret


class Bearer(Declaration, frozen=True, kw_only=True):
    """A token that somebody else renews (https://www.rfc-editor.org/rfc/rfc6750)."""

    token: Secret


class ClientCredentials(Declaration, frozen=True, kw_only=True):
    """OAuth 2 client credentials (https://www.rfc-editor.org/rfc/rfc6749#section-4.4)."""

    token_url: _TokenUrl
    client_id: Secret
    client_secret: Secret
    scope: Text | None = None


class RefreshToken(Declaration, frozen=True, kw_only=True):
    """An OAuth 2 refresh token (https://www.rfc-editor.org/rfc/rfc6749#section-6).

    The first is in the secret; one that the API gives in its place is kept in state, under compare-and-swap.
    """

    token_url: _TokenUrl
    client_id: Secret
    client_secret: Secret | None = None
    refresh_token: Secret


Authentication: TypeAlias = HeaderKey | QueryKey | Basic | Bearer | ClientCredentials | RefreshToken


def secrets_of(authentication: Authentication | None) -> list[Secret]:
    """Give the secrets that are read, for the role that reads them."""
    if authentication is None:
        return []
    return [value for value in msgspec.structs.astuple(authentication) if isinstance(value, Secret)]
