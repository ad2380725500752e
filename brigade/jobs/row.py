"""One object as a manifest and a report have it, its key encoded like a form, and the summary of a selection.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/batch-ops-create-job.html (specifying a manifest)
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote_plus, unquote_plus

from brigade.errors import InvalidData, UsageError

if TYPE_CHECKING:  # Arrow stands behind it; a function that only counts needs none
    from brigade.jobs.manifest import Columns

KEY_CHARACTERS = 1024
"""The longest key that S3 takes in a manifest, encoded as it is there."""
NULL_VERSION = "null"
"""What a manifest calls the version of an object that was written while its bucket had none."""


class Row(NamedTuple):
    """One object. ``key_text`` is its key as the manifest has it; ``size`` in bytes where the selection knows it."""

    bucket: str
    key_text: str
    version_id: str | None = None
    size: int | None = None


def encoded(key: str) -> str:
    """Give a key as a manifest has it: ``+`` for a space, ``/`` bare; decoding it gives back the key, any key."""
    return quote_plus(key, safe="/")


def decoded(key_text: str) -> str:
    """Give the key of a manifest's or a report's text; fails with InvalidData when that is no UTF-8."""
    try:
        return unquote_plus(key_text, errors="strict")
    except UnicodeDecodeError:
        raise InvalidData(f"the key {key_text!r} is not UTF-8 when decoded") from None


def shown(key_text: str) -> str:
    """Give the key of a manifest's or a report's text for a person; what is no UTF-8 shows as U+FFFD."""
    return unquote_plus(key_text)


def check_length(key_text: str) -> None:
    """Fail with UsageError when a key is longer in a manifest than S3 takes: the whole job would fail on it."""
    if len(key_text) > KEY_CHARACTERS:
        raise UsageError(
            f"the key {shown(key_text)[:80]!r}… has {len(key_text)} characters when encoded; S3 takes "
            f"{KEY_CHARACTERS} in a manifest, so leave it out"
        )


def outside_error(key: str, reads: tuple[str, ...]) -> UsageError:
    """Return the error for a key that the operation may not read: its task could only fail."""
    patterns = ", ".join(reads) or "nothing"
    return UsageError(f"the operation may not read {key!r}, so no job is made; it reads {patterns}: select only those")


SAMPLES = 10
"""How many keys of a selection are shown."""


@dataclass
class Summary:
    """What was selected: how many objects, their bytes where all sizes are known, and the first ten keys."""

    objects: int = 0
    bytes: int | None = 0
    versions: bool = False
    samples: list[str] = field(default_factory=list)

    def add(self, part: "Row | Columns") -> None:
        """Count one object, or some."""
        self.bytes = None if part.size is None or self.bytes is None else self.bytes + part.size
        if (room := SAMPLES - len(self.samples)) > 0:
            self.samples += [shown(part.key_text)] if isinstance(part, Row) else part.keys[:room].to_pylist()
        self.objects += 1 if isinstance(part, Row) else len(part)
