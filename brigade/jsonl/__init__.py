"""Records to lines to gzip: bytes spliced, not objects built."""

from brigade.jsonl.gzip import Compression, Gzip, packer, unpacked
from brigade.jsonl.page import Page, split
from brigade.jsonl.stamp import Stamp

__all__ = ["Compression", "Gzip", "Page", "Stamp", "packer", "split", "unpacked"]
