"""Records of JSON to lines, by splicing bytes: no Python objects are built."""

from brigade.jsonl.page import Page, split_page
from brigade.jsonl.stamp import Stamp

__all__ = ["Page", "Stamp", "split_page"]
