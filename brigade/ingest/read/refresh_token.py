"""The newest refresh token of a source, in the state bucket. One process at a time uses it, so that none is lost."""

import contextlib
import hashlib
from collections.abc import Callable, Iterator

import msgspec
from msgspec.structs import replace

from brigade.errors import BrigadeError, ConditionLost, RetryLater
from brigade.s3 import Absent, Matches
from brigade.s3.conditions import pause
from brigade.state import Entry, State
from brigade.state.lease import Lease, acquire, release, this_process

_LEASE_S = 60.0
"""Seconds; longer than the timeouts of a token request."""
_TRIES = 60
_LONGEST_PAUSE = 4


class StoredRefreshToken(msgspec.Struct, frozen=True, omit_defaults=True):
    """The token that replaced the one in the secret."""

    refresh_token: str | None = None
    """None: the token in the secret is the newest."""
    secret_sha256: str | None = None
    """The SHA-256 of the token in the secret from which `refresh_token` descends. None: unknown."""
    lease: Lease = Lease()


def rotate_refresh_token(state: State, key: str, secret_token: str, refresh: Callable[[str], str | None]) -> None:
    """Call `refresh` with the newest refresh token, and store the token that it returns.

    The newest token is the stored one, unless an operator has replaced the token in the secret. The document is written
    before the token is used, because a rotated token that cannot be stored would be lost. Of two concurrent callers the
    second waits, and uses the token that the first stored.

    Args:
        secret_token: The current token in the secret.
        refresh: Returns the rotated token; None if the server does not rotate.

    Raises:
        RetryLater: Another process has used the token for a minute and has not finished.
        ConditionLost: Another process took over because this one took longer than a minute; its token is stored.
    """
    digest = hashlib.sha256(secret_token.encode()).hexdigest()
    with _leased(state, key) as entry:
        stored = entry.value.refresh_token
        if stored is None or entry.value.secret_sha256 not in (None, digest):
            stored = None
        rotated = refresh(stored or secret_token) or stored
        value = StoredRefreshToken(rotated if rotated != secret_token else None, digest, release(entry.value.lease))
        state.put(key, value, Matches(entry.version))


@contextlib.contextmanager
def _leased(state: State, key: str) -> Iterator[Entry[StoredRefreshToken]]:
    entry = _acquire(state, key)
    try:
        yield entry
    except BaseException:
        with contextlib.suppress(BrigadeError):  # else the lease expires
            state.put(key, replace(entry.value, lease=release(entry.value.lease)), Matches(entry.version))
        raise


def _acquire(state: State, key: str) -> Entry[StoredRefreshToken]:
    holder = this_process()
    for attempt in range(_TRIES):
        entry = state.get(key, StoredRefreshToken)
        value, age = (entry.value, entry.age) if entry else (StoredRefreshToken(), 0.0)
        try:
            lease = acquire(value.lease, holder, _LEASE_S, age=age, what=f"s3://{state.bucket}/{key}")
            return state.put(key, replace(value, lease=lease), Matches(entry.version) if entry else Absent())
        except ConditionLost as error:
            if attempt == _TRIES - 1:
                raise RetryLater(str(error), after_s=_LEASE_S) from error
            pause(min(attempt, _LONGEST_PAUSE))
    raise AssertionError("the last try returns or raises")
