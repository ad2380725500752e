"""The declarations of sources: what a user writes. They are data, and import no run time."""
