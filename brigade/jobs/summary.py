"""What was selected, in figures."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from brigade.jobs.row import Row, shown

if TYPE_CHECKING:  # Arrow stands behind it; a function that only counts needs none
    from brigade.jobs.columns import Columns

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
