"""The errors that a person reads: each says on one line what happened, to which object, and what to do.

    BrigadeError          exit 1   the work failed
    ├── UsageError        exit 2   wrong usage of a command
    │   ├── SettingsError exit 2   wrong settings, declarations or environment
    │   └── NothingSelected        a selection without an object: no mistake of a job that recurs
    ├── ConditionLost     exit 3   already published, already exists, changed by another writer, held by another run
    ├── NotFound          exit 1   what was named is not there
    ├── InvalidData       exit 1   what was read is not in its documented format
    └── RetryLater        exit 1   would work later: throttled, timed out, out of time

A new class is made only where somebody handles it differently; the detail goes into the message.
"""


class BrigadeError(Exception):
    """Work failed for a reason that its message gives in full; the command exits with ``exit_status``."""

    exit_status = 1


class UsageError(BrigadeError):
    """The command was called wrongly; nothing was started."""

    exit_status = 2


class SettingsError(UsageError):
    """A setting, declaration or environment variable is wrong; the message names it and what it takes."""


class NothingSelected(UsageError):
    """A selection holds no object, so there is no job to make."""


class ConditionLost(BrigadeError):
    """A write under a condition lost: what it would have made exists, or what it would have changed has changed."""

    exit_status = 3
    certain = False
    """Whether S3 is known to have refused the write. Else it may have been made, and replaced by another at once."""


class NotFound(BrigadeError):
    """What was named is not there."""


class InvalidData(BrigadeError):
    """Data is not in its documented format. The message names the file or object and the place in it."""

    truncated = False
    """Whether compressed data ends too early: the sender broke off, so a retry may work."""


class RetryLater(BrigadeError):
    """The same call would work later; in an operation it is the result code TemporaryFailure.

    ``after_s``: in how many seconds, where whoever refused said so.
    """

    def __init__(self, message: str, *, after_s: float | None = None) -> None:
        super().__init__(message)
        self.after_s = after_s
