"""Split the array at a path of a JSON document of any size into pieces, while its blocks come."""

import re
from collections.abc import Iterator

import msgspec

from brigade.declarations.path import format_path, parse_path
from brigade.errors import InvalidData

LARGEST_RECORD = 64 * 1024 * 1024
# Possessive (*+): without backtracking a string of many MiB takes no memory. A quote alone starts a string that ends in
# a later block.
_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|["{}\[\],:]', re.DOTALL)
_TEXT = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)


def split_array(blocks: Iterator[bytes], path: str, place: str) -> Iterator[bytes]:
    """Iterate over JSON arrays, at most one for each block, that together have the elements of the array at the path.

    Only brackets, commas and strings are parsed: the reader of each array must validate it. Outside of the array, only
    the closing brackets are checked. Memory: a block and the largest element, at most 64 MiB.

    Args:
        path: Only names, no indexes.
        place: The document's name, for errors.

    Raises:
        InvalidData: There is no array at the path, a member of the path occurs twice, the document is truncated, or an
            element is over 64 MiB.
    """
    scan = _Scan([*parse_path(path)], place)
    for block in blocks:
        if found := scan.add(block):
            yield found
        if len(scan.rest) > LARGEST_RECORD:
            raise InvalidData(f"{place}: a record is wider than {LARGEST_RECORD} bytes")
    if not scan.met:
        raise InvalidData(f"{place}: it has no records at {path!r}; it ends with {bytes(scan.rest[-60:])!r}")
    if scan.inside or scan.above:
        raise InvalidData(f"{place}: the answer ends before its end, with {bytes(scan.rest[-60:])!r}")


class _Scan:
    """The position of a scan between blocks."""

    def __init__(self, path: list[str | int], place: str) -> None:
        self.rest = bytearray()
        self.above: list[str | None] = []
        """The open objects and arrays around the position, by the name of each in its parent."""
        self.inside = self.met = False
        self._path, self._place, self._at, self._depth = path, place, 0, 0
        self._reached = 0
        """The number of steps of the path that were found."""
        self._searched = 0
        """The position up to which an open string was searched; 0 if none is open."""
        self._name: str | None = None
        self._last: bytes = b""

    def add(self, block: bytes) -> bytes | None:
        """Scan a block and return the elements that are complete, as an array, if there are any."""
        self.rest += block
        if self._in_text():
            return None
        start, end = (0, 0) if self.inside else (-1, -1)
        self._at, position = 0, self._at
        for found in _TOKEN.finditer(self.rest, position):
            token = found[0]
            position = found.end()
            if token == b'"':
                position, self._searched = found.start(), found.end()
                break
            if not self.inside:
                if self._enter(token):
                    start = end = found.end()
            elif token in b"{[":
                self._depth += 1
            elif token in b"}]":
                self._depth -= 1
                if self._depth < 0:
                    end, self.inside = found.start(), False
            elif token == b"," and not self._depth:
                end = found.start()
        # Behind the last token may be a part of a number or a word. It is scanned again with the next block.
        whole = bytes(self.rest[start:end]).strip(b", \t\r\n") if end > start >= 0 else b""
        kept = end if self.inside and end >= 0 else 0 if self.inside else position
        del self.rest[:kept]
        self._at = max(0, position - kept)
        self._searched = max(0, self._searched - kept)
        return b"[" + whole + b"]" if whole else None

    def _in_text(self) -> bool:
        """Return whether the open string continues behind this block. No byte is searched twice."""
        if self._searched and (found := _TEXT.match(self.rest, self._searched)):
            self._searched = found.end()
            if self.rest[found.end() : found.end() + 1] != b'"':
                return True
        self._searched = 0
        return False

    def _enter(self, token: bytes) -> bool:
        """Process a token outside of the array. Return whether it begins the array."""
        if token.startswith(b'"'):
            self._last = token
        elif token == b":":
            self._name = msgspec.json.decode(self._last, type=str)
            self._check_once()
        elif token == b",":
            self._name = None
        elif token in b"{[":
            names = [name for name in [*self.above[1:], self._name] if name is not None]
            if token == b"[" and not self.met and names == self._path and len(self.above) == len(self._path):
                self.inside = self.met = True
                self._depth = 0
                return True
            self.above.append(self._name)
            self._name = None
        elif self.above:
            self.above.pop()
        return False

    def _check_once(self) -> None:
        """Raise InvalidData if a member of the path occurs again: which one counts is not known."""
        depth = len(self.above)
        if [*self.above[1:], self._name] != self._path[:depth]:
            return
        if depth <= self._reached:
            path = format_path(tuple(self._path[:depth]))
            raise InvalidData(f"{self._place}: the member {path} occurs twice; which one counts is not known")
        self._reached = depth
