"""The peak memory of this process."""

from pathlib import Path


def peak_mib() -> float:
    """Return the peak resident memory of this process, in MiB.

    ``getrusage`` would also count the process that started this one, before its exec; the kernel's own line does not
    (https://man7.org/linux/man-pages/man5/proc_pid_status.5.html).
    """
    with Path("/proc/self/status").open() as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM:"))
