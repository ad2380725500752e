"""Who asks an API: pure declarations that name secrets, never hold them."""

from typing import Literal, TypeAlias

import msgspec


class Secret(msgspec.Struct, frozen=True):
    """A value kept elsewhere: the ``name`` of a secret of Secrets Manager, or of a parameter of Systems Manager.

    ``key``: which member, if the value is a JSON object.
    """

    name: str
    key: str | None = None
    store: Literal["secretsmanager", "ssm"] = "secretsmanager"


class HeaderKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key in a header of this name."""

    header: str
    key: Secret


class QueryKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key in a query parameter of this name."""

    parameter: str
    key: Secret


class Basic(msgspec.Struct, frozen=True, kw_only=True):
    """A user and a password (https://www.rfc-editor.org/rfc/rfc7617)."""

    user: Secret
    password: Secret


class Bearer(msgspec.Struct, frozen=True, kw_only=True):
    """A token that somebody else renews (https://www.rfc-editor.org/rfc/rfc6750)."""

    token: Secret


class ClientCredentials(msgspec.Struct, frozen=True, kw_only=True):
    """OAuth 2 client credentials (https://www.rfc-editor.org/rfc/rfc6749#section-4.4)."""

    token_url: str
    client_id: Secret
    client_secret: Secret
    scope: str | None = None


class RefreshToken(msgspec.Struct, frozen=True, kw_only=True):
    """An OAuth 2 refresh token (https://www.rfc-editor.org/rfc/rfc6749#section-6).

    The first is in the secret; one that the API gives in its place is kept in state, under compare-and-swap.
    """

    token_url: str
    client_id: Secret
    client_secret: Secret | None = None
    refresh_token: Secret


Authentication: TypeAlias = HeaderKey | QueryKey | Basic | Bearer | ClientCredentials | RefreshToken


def secrets_of(authentication: Authentication | None) -> list[Secret]:
    """Give the secrets that are read, for the role that reads them."""
    if authentication is None:
        return []
    return [value for value in msgspec.structs.astuple(authentication) if isinstance(value, Secret)]
