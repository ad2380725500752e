"""Mask the values of secrets in text that leaves the process, in every spelling that a third party may echo.

``register`` is called where a secret is read or made. ``mask`` is called where text leaves: the command's stderr, a
Lambda function's log, the errors that leave a handler, and free text in documents on S3.
"""

import base64
import re
import threading
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, TextIO

MASK = "••••••"
"""The text in place of a secret of any length."""
SHORTEST = 4
"""Characters. A shorter value is not masked: it is in nearly every text by chance."""
_CERTAIN = 8
"""Characters from which on a value in a text is the secret, and no chance."""
_PIECE = 32
_HEAD = 8192
_TWICE = re.compile(f"(?:{MASK}){{2,}}")
_ENTITIES = {"&": "amp", "<": "lt", ">": "gt", '"': "quot", "'": "apos"}
_SCHEMES = ("bearer", "basic", "token", "apikey", "digest")
# Fields of a database's secret that are no secrets: errors must name them.
# Source: https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_secret_json_structure.html
_PUBLIC = frozenset(
    {
        *("engine", "host", "port", "dbname", "database", "username", "user", "dbinstanceidentifier"),
        *("dbclusteridentifier", "masterarn", "masteruserarn", "superuserarn", "clusterid"),
    }
)

_values: set[str] = set()
_lock = threading.Lock()


def register(value: object) -> None:
    """Mask `value` in all text from now on. Values of fewer than 4 characters are not masked.

    The token of ``Bearer abc…`` is also masked alone. Values that are not text are ignored.
    """
    if not isinstance(value, str):
        return
    text = value.strip()
    scheme, _, rest = text.partition(" ")
    values = {text, rest.strip()} if scheme.lower() in _SCHEMES else {text}
    with _lock:
        _values.update(each for each in values if len(each) >= SHORTEST)


def register_fields(fields: Mapping[str, Any]) -> None:
    """Register every text in a database's secret, except the fields with its address and the user's name."""
    for name, value in fields.items():
        if name.lower() not in _PUBLIC:
            for each in _texts(value):
                register(each)


def mask(text: str) -> str:
    """Return `text` with dots in place of each registered value.

    A value is found as it is, percent-encoded once or more (hexadecimal digits of either case, ``+`` for a space), as
    JSON, Python or HTML escape it, in base64 of either alphabet, also as a part of what was encoded (the password in
    ``Basic`` credentials), and with its white space folded. Idempotent.
    """
    pattern = _pattern(_of_at_least(SHORTEST))
    return _TWICE.sub(MASK, pattern.sub(MASK, text)) if pattern else text


def mask_start(data: str | bytes | bytearray | memoryview, length: int) -> str:
    """Return the first `length` characters of a text, masked before it is cut: half a secret would not be found.

    Bytes are read as UTF-8. Memory and time do not grow with the text.
    """
    head = data[:_HEAD]
    return mask(head if isinstance(head, str) else bytes(head).decode(errors="replace"))[:length]


def masked(document: Any) -> Any:
    """Return a document of dictionaries, sequences and scalars with every text in it masked, names of members too.

    Numbers, booleans and None stay; any other object becomes its text.
    """
    if isinstance(document, str):
        return mask(document)
    if document is None or isinstance(document, bool | int | float):
        return document
    if isinstance(document, Mapping):
        return {mask(str(name)): masked(value) for name, value in document.items()}
    if isinstance(document, list | tuple | set | frozenset):
        return [masked(value) for value in document]
    return mask(str(document))


def holds_secret(text: str) -> bool:
    """Return whether a registered value of 8 or more characters is in `text`; shorter ones occur by chance."""
    pattern = _pattern(_of_at_least(_CERTAIN))
    return bool(pattern and pattern.search(text))


class MaskedStream:
    """A text stream that masks the text of each write; its other methods are those of the wrapped stream."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write the masked text; return the length of ``text`` before masking, because callers check it."""
        self._stream.write(mask(text))
        return len(text)

    def writelines(self, lines: Iterator[str]) -> None:
        """Write each line masked."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _of_at_least(length: int) -> frozenset[str]:
    with _lock:
        return frozenset(value for value in _values if len(value) >= length)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)


@cache
def _pattern(values: frozenset[str]) -> re.Pattern[str] | None:
    """Make one pattern of all values, the longest first: a value may be a part of another."""
    found = [_spelled(value) for value in sorted(values, key=lambda value: (-len(value), value))]
    found += [core for value in sorted(values, key=len, reverse=True) for core in _in_base64(value)]
    return re.compile("|".join(found)) if found else None


def _spelled(value: str) -> str:
    """Make the pattern of a value each of whose characters may be escaped in its own way.

    A third party may cut a long value: each 32 characters of it are found by themselves, with what follows without a
    space or a mark, which may be the start of the next.
    """
    if len(value) < 2 * _PIECE:
        return _escaped(value)
    starts = range(0, len(value) - _PIECE + 1, _PIECE)
    pieces = [value[start : start + _PIECE] for start in starts] + [value[-_PIECE:]]
    return f"(?:{'|'.join(map(_escaped, pieces))})+[A-Za-z0-9._~+/=%-]*"


def _escaped(value: str) -> str:
    runs = re.split(r"(\s+)", value)
    return "".join(_space(run) if run.isspace() else "".join(map(_character, run)) for run in runs)


def _space(run: str) -> str:
    """White space in a secret, such as the lines of a key: folded, encoded or escaped; at most twice as long."""
    return rf"(?:\s|\+|%(?:25)*(?i:20|09|0a|0d)|\\{{1,8}}[nrt]|\\{{1,8}}u00(?i:20|09|0a|0d)){{1,{2 * len(run) + 2}}}"


@cache
def _character(character: str) -> str:
    """Make the pattern of a character: itself, percent-encoded, or escaped by JSON, Python or HTML."""
    if character.isascii() and (character.isalnum() or character in "-_."):
        return re.escape(character)  # nothing escapes these, and a token of 2,000 of them must compile at once
    packed, point = character.encode("utf-8", "surrogatepass"), ord(character)
    ways = [
        "%(?:25)*".join(["", *(f"{byte:02x}" for byte in packed)]),
        rf"\\{{1,8}}u{point:04x}" if point < 0x10000 else "".join(rf"\\{{1,8}}u{unit:04x}" for unit in _units(point)),
        rf"\\{{1,8}}U{point:08x}",
        "".join(rf"\\{{1,8}}x{byte:02x}" for byte in packed),
        *([rf"\\{{1,8}}x{point:02x}"] if 0x80 <= point < 0x100 else []),
        rf"&\#(?:x0*{point:x}|0*{point});",
    ]
    if name := _ENTITIES.get(character):
        ways.append(f"&{name};")
    plain = r"\\{1,8}" if character == "\\" else (r"\\{0,8}" + re.escape(character))
    return f"(?:(?i:{'|'.join(ways)})|{plain})"  # a backslash or a percent sign may begin its own escape


def _units(point: int) -> tuple[int, int]:
    return 0xD800 + ((point - 0x10000) >> 10), 0xDC00 + ((point - 0x10000) & 0x3FF)


def _in_base64(value: str) -> Iterator[str]:
    """Make the patterns of a value in base64, at each of the three offsets that it may have in what is encoded.

    The characters that its neighbours share are not known. So up to three before it are masked with it, and all behind
    it, which may be another value: of ``user:password`` both may be registered.
    """
    packed = value.encode("utf-8", "surrogatepass")
    for offset, shared in ((0, 0), (1, 2), (2, 3)):
        text = base64.b64encode(b"\0" * offset + packed).decode().rstrip("=")
        whole = (offset + len(packed)) % 3 == 0
        core = text[shared:] if whole else text[shared:-1]
        if len(core) >= _CERTAIN - 2:
            yield f"[A-Za-z0-9+/_-]{{0,{shared}}}" + "".join(map(_sixty_four, core)) + r"[A-Za-z0-9+/_=-]*"


def _sixty_four(character: str) -> str:
    match character:
        case "+":
            return r"(?:[+-]|\\{0,8}\+|%(?:25)*2[bB])"
        case "/":
            return r"(?:_|\\{0,8}/|%(?:25)*2[fF])"
    return character
