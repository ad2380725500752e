"""One writer at a time, on S3 alone: a lease inside of the document that it guards.

Every write of the document is conditional on the version that was read, and taking the lease writes it; so whoever held
it before, a zombie, can change nothing any more, whether it knows or not. ``epoch`` grows with each taking and survives
the release. Whether a lease is over is said by S3's clock: the age of the document when it is read.
"""

import os
import socket
import uuid

import msgspec

from brigade.errors import ConditionLost

_PROCESS = "process"


class Lease(msgspec.Struct, frozen=True):
    """Who may write, and for how many seconds from the last write on. ``holder`` None: nobody."""

    epoch: int = 0
    holder: str | None = None
    seconds: float = 0.0


def this_process() -> str:
    """Make a name for a holder in this process, no two alike; on this machine it is known when the process is gone."""
    return f"{_PROCESS} {socket.gethostname()} {os.getpid()} {uuid.uuid4().hex[:8]}"


def taken(lease: Lease, holder: str, seconds: float, *, age: float, what: str) -> Lease:
    """Give the lease as ``holder`` takes it, for ``seconds`` after each write, with the next epoch.

    Arguments: ``age``, the seconds since the document was written, by S3's clock; ``what``, what errors call it. The
    same holder may take it again: it is known not to run twice. Fails with ConditionLost, naming holder and rest.
    """
    if lease.holder not in (None, holder) and age <= lease.seconds and not _gone(lease.holder or ""):
        raise ConditionLost(
            f"{what} is held by {lease.holder} (epoch {lease.epoch}) for {lease.seconds - age:.0f} s more, unless it "
            "writes again; if that run is dead, `brigade state unlock` it"
        )
    return Lease(lease.epoch + 1, holder, seconds)


def released(lease: Lease) -> Lease:
    """Give the lease as nobody holds it; its epoch stays."""
    return Lease(lease.epoch)


def _gone(holder: str) -> bool:
    """Say whether the holder was a process of this machine that is no more."""
    kind, _, rest = holder.partition(" ")
    host, _, rest = rest.partition(" ")
    if kind != _PROCESS or host != socket.gethostname():
        return False
    try:
        os.kill(int(rest.partition(" ")[0]), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
