"""Records to lines to gzip: bytes spliced, not objects built."""

from brigade.jsonl.gzip import Gzip
from brigade.jsonl.page import Page, split
from brigade.jsonl.stamp import Stamp

__all__ = ["Gzip", "Page", "Stamp", "split"]
