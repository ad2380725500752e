"""One writer at a time, with S3 alone: a lease inside the document that it protects.

Every write of the document is conditional on the version that was read, and acquiring the lease writes it. So an
earlier holder that is still running cannot change the document any more, even if it does not know. The epoch grows
with each acquisition and survives the release. S3's clock decides if a lease has expired: by the age of the document
when it is read.
"""

import os
import socket
import uuid
from pathlib import Path

import msgspec

from brigade.errors import ConditionLost

_PROCESS = "process"
_PARTS = 7
_CLOCK_S = 1.0


class Lease(msgspec.Struct, frozen=True):
    """The right of `holder` to write, for `seconds` after the last write. `holder` is None if the lease is free."""

    epoch: int = 0
    holder: str | None = None
    seconds: float = 0.0


def this_process() -> str:
    """Return a unique name of a holder in this process.

    On Linux it contains the boot of the machine, the PID namespace, the process and its start time, so that a
    process of the same namespace can detect that the holder is gone. On other systems a lease has to expire.
    """
    namespace = " ".join(_namespace() or ("-", "-"))
    start = (_process(os.getpid()) or ("", "-"))[1]
    return f"{_PROCESS} {socket.gethostname()} {namespace} {os.getpid()} {start} {uuid.uuid4().hex[:8]}"


def acquire(lease: Lease, holder: str, seconds: float, *, age: float, what: str) -> Lease:
    """Return `lease` as acquired by `holder`, with the epoch incremented.

    Nothing is written here. The caller stores the lease in a conditional write, which is what makes it exclusive. The
    same holder may acquire it again: it is known not to run twice.

    Args:
        seconds: How long the lease is valid after each write.
        age: Seconds since the stored lease was last written, by S3's clock, which counts whole seconds: the true age
            can be up to a second less.
        what: The document's name, for errors.

    Raises:
        ConditionLost: Another holder's lease has not expired, and its process is not known to be gone. The message
            names that holder.
    """
    if lease.holder not in (None, holder) and age - _CLOCK_S < lease.seconds and not _gone(lease.holder or ""):
        rest = max(lease.seconds - age, 0.0)
        raise ConditionLost(
            f"{what} is held by {lease.holder} (epoch {lease.epoch}) for {rest:.0f} s more, unless it "
            "writes again; if that run is dead, `brigade state unlock` it"
        )
    return Lease(lease.epoch + 1, holder, seconds)


def release(lease: Lease) -> Lease:
    """Return the lease without a holder. The epoch stays."""
    return Lease(lease.epoch)


def _gone(holder: str) -> bool:
    """Return whether the holder was a process of this PID namespace that has ended; False if that is not known."""
    parts = holder.split(" ")
    if len(parts) != _PARTS or parts[0] != _PROCESS or not parts[4].isdigit():
        return False
    if parts[1] != socket.gethostname() or (parts[2], parts[3]) != _namespace():
        return False
    pid = int(parts[4])
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:  # the process of another user, so it exists
        pass
    there = _process(pid)
    return there is not None and (there[0] in "ZX" or there[1] != parts[5])


def _namespace() -> tuple[str, str] | None:
    """Return the boot of this machine and the PID namespace of this process; None if the system has no such files."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip(), str(Path("/proc/self/ns/pid").stat().st_ino)
    except OSError:
        return None


def _process(pid: int) -> tuple[str, str] | None:
    """Return the state of a process (Z: it ended) and its start in clock ticks since boot; None if not known.

    Source: proc_pid_stat(5), fields 3 and 22.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return (fields[0], fields[19]) if len(fields) > 19 else None
