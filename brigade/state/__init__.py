"""The state of a program between runs: JSON on S3, changed only under compare-and-swap."""

from brigade.state.store import Entry, State

__all__ = ["Entry", "State"]
