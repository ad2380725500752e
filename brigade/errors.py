"""The errors that a person reads. Each is one line: what happened, to which object, what to do.

    BrigadeError          exit 1   the work failed
    ├── UsageError        exit 2   wrong usage of a command
    │   ├── SettingsError exit 2   wrong settings, declarations or environment
    │   └── NothingSelected        a selection without an object; no mistake in a recurring job
    ├── ConditionLost     exit 3   already published, already exists, changed by another writer, held by another run
    ├── NotFound          exit 1   the named thing does not exist
    ├── InvalidData       exit 1   data is not in its documented format
    └── RetryLater        exit 1   works later: throttled, timed out, out of time

A new class is made only where a caller handles it differently. The detail is in the message.
"""

from collections.abc import Iterable


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """Return the end of a message about an unknown `name`: the nearest of `names`, or all of them if none is near."""
    import difflib  # only a command that fails needs it

    known = list(names)
    near = difflib.get_close_matches(name, known, 1)
    return f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known) or 'none'}"


class BrigadeError(Exception):
    """The work failed. The message has the whole reason, and the command exits with `exit_status`."""

    exit_status = 1


class UsageError(BrigadeError):
    """The command has a wrong option or argument. Nothing was started."""

    exit_status = 2


class SettingsError(UsageError):
    """A setting, declaration or environment variable is wrong. The message names it and its valid values."""


class NothingSelected(UsageError):
    """A selection has no object, so no job is made."""


class ConditionLost(BrigadeError):
    """A conditional write was refused: the object exists already, or another writer changed it."""

    exit_status = 3
    certain = False
    """True if S3 has certainly refused the write. Otherwise it may have succeeded and been replaced at once."""


class NotFound(BrigadeError):
    """The named thing does not exist."""


class InvalidData(BrigadeError):
    """Data is not in its documented format. The message names the file or object and the place in it."""

    truncated = False
    """True if compressed data ends too early: the sender broke off, so a retry may work."""


class RetryLater(BrigadeError):
    """The same call works later. In an operation this is the result code TemporaryFailure.

    Args:
        after_s: Seconds to wait, if the server named them.
    """

    def __init__(self, message: str, *, after_s: float | None = None) -> None:
        super().__init__(message)
        self.after_s = after_s
