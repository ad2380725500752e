"""The errors for people: each has one line with what happened, to which object, and what to do.

    BrigadeError          exit 1   the work failed
    ├── UsageError        exit 2   wrong usage of a command
    │   ├── SettingsError exit 2   wrong settings, declarations or environment
    │   └── NothingSelected        a selection without an object: no mistake of a job that recurs
    ├── ConditionLost     exit 3   already published, already exists, changed by another writer, held by another run
    ├── NotFound          exit 1   the named thing does not exist
    ├── InvalidData       exit 1   data is not in its documented format
    └── RetryLater        exit 1   a later try may work: throttled, timed out, out of time

Add a class only if a caller handles it differently. The detail belongs into the message.
"""


class BrigadeError(Exception):
    """Work failed. The message has the full reason. The command exits with `exit_status`."""

    exit_status = 1


class UsageError(BrigadeError):
    """The command was called with wrong arguments. Nothing was started."""

    exit_status = 2


class SettingsError(UsageError):
    """A setting, declaration or environment variable is wrong. The message names it and the valid values."""


class NothingSelected(UsageError):
    """A selection has no object, so no job is created."""


class ConditionLost(BrigadeError):
    """The condition of a write does not hold: the object exists already, or another writer changed it."""

    exit_status = 3
    certain = False
    """True if S3 certainly refused the write. Otherwise it may have happened, and was replaced at once."""


class NotFound(BrigadeError):
    """The named thing does not exist."""


class InvalidData(BrigadeError):
    """Data is not in its documented format. The message names the file or object and the place in it."""

    truncated = False
    """True if compressed data ends too early: the sender broke off, so a retry may work."""


class RetryLater(BrigadeError):
    """The same call may work later. In an operation it is the result code TemporaryFailure.

    Args:
        after_s: Seconds to wait, if the server named them.
    """

    def __init__(self, message: str, *, after_s: float | None = None) -> None:
        super().__init__(message)
        self.after_s = after_s
