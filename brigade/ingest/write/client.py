"""The calls of Amazon S3 that an ingest makes."""

from typing import Protocol

from brigade.s3.list import ListsUploads
from brigade.s3.writer import Writes
from brigade.state.store import Stores


class IngestClient(Writes, Stores, ListsUploads, Protocol):
    """A client of Amazon S3 with the calls that an ingest makes."""
