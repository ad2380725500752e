"""One object as a manifest and a report have it, its key encoded like a form, and the summary of a selection.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/batch-ops-create-job.html (specifying a manifest)
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote_plus, unquote_plus

from brigade.errors import InvalidData, UsageError

if TYPE_CHECKING:  # Arrow stands behind it; a function that only counts needs none
    from brigade.jobs.manifest import ObjectColumns

KEY_CHARACTERS = 1024
"""The longest key that S3 accepts in a manifest, encoded as it is there."""
NULL_VERSION = "null"
"""The version ID, in a manifest, of an object that was written while its bucket had no versions."""


class ManifestRow(NamedTuple):
    """One object. ``key_text`` is its key as the manifest has it; ``size`` in bytes where the selection knows it."""

    bucket: str
    key_text: str
    version_id: str | None = None
    size: int | None = None


def encode_key(key: str) -> str:
    """Return a key as a manifest has it: `+` for a space, `/` unchanged. `decode_key` reverses it for any key."""
    return quote_plus(key, safe="/")


def decode_key(key_text: str) -> str:
    """Return the key of a manifest's or a report's text. Raises InvalidData if it is not UTF-8."""
    try:
        return unquote_plus(key_text, errors="strict")
    except UnicodeDecodeError:
        raise InvalidData(f"the key {key_text!r} is not UTF-8 when decoded") from None


def display_key(key_text: str) -> str:
    """Return the key of a manifest's or a report's text for display. Bytes that are not UTF-8 become U+FFFD."""
    return unquote_plus(key_text)


def check_length(key_text: str) -> None:
    """Raise UsageError if a key is longer in a manifest than S3 accepts: the whole job would fail."""
    if len(key_text) > KEY_CHARACTERS:
        raise UsageError(
            f"the key {display_key(key_text)[:80]!r}… has {len(key_text)} characters when encoded; S3 accepts "
            f"{KEY_CHARACTERS} in a manifest, so leave it out"
        )


def outside_error(key: str, reads: tuple[str, ...]) -> UsageError:
    """Return the error for a key that the operation may not read: its task could only fail."""
    patterns = ", ".join(reads) or "nothing"
    return UsageError(f"the operation may not read {key!r}, so no job is made; it reads {patterns}: select only those")


SAMPLES = 10
"""The number of keys of a selection that are shown."""


@dataclass
class SelectionSummary:
    """The number of selected objects, their bytes if all sizes are known, and the first ten keys."""

    objects: int = 0
    bytes: int | None = 0
    versions: bool = False
    samples: list[str] = field(default_factory=list)

    def add(self, part: "ManifestRow | ObjectColumns") -> None:
        """Count one object or several."""
        self.bytes = None if part.size is None or self.bytes is None else self.bytes + part.size
        if (room := SAMPLES - len(self.samples)) > 0:
            self.samples += (
                [display_key(part.key_text)] if isinstance(part, ManifestRow) else part.keys[:room].to_pylist()
            )
        self.objects += 1 if isinstance(part, ManifestRow) else len(part)
