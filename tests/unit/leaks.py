"""A judge of what leaves a process: whether a secret can be read out of it, by the standard library's decoders."""

import base64
import html
import json
import re
import string
from urllib.parse import quote, quote_plus, unquote, unquote_plus

MARK = "Zq7xW9vB2k"
SECRET = f"""c@n/ry+"&'{MARK}\\=% 5"""
"""Has a character of each kind that some encoding escapes, and a part in its midst that none does."""


def spellings(value: str = SECRET) -> dict[str, str]:
    """Return the spellings in which a third party may echo a value."""
    percent = quote(value, safe="")
    return {
        "raw": value,
        "quoted": quote(value),
        "percent-encoded": percent,
        "lower-case digits": re.sub("%..", lambda found: found[0].lower(), percent),
        "plus": quote_plus(value),
        "twice": quote(percent),
        "all of it": "".join(
            f"%{byte:02X}" if chr(byte) in string.punctuation else chr(byte) for byte in value.encode()
        ),
        "json": json.dumps(value),
        "html": html.escape(value),
        "base64": base64.b64encode(value.encode()).decode(),
        "base64 of user and password": base64.b64encode(f"somebody:{value}".encode()).decode(),
        "base64 for URLs": base64.urlsafe_b64encode(f"a:{value}".encode()).decode(),
        "base64 of a text with it": base64.b64encode(f"ab{value} and more".encode()).decode(),
    }


def leaks(text: str, mark: str = MARK) -> bool:
    """Return whether the mark is in the text, as it is or under percent-encoding, HTML or base64 at any offset."""
    seen = {text, unquote(text), unquote(unquote(text)), unquote_plus(text), html.unescape(text)}
    if any(mark.lower() in each.lower() for each in seen):
        return True
    for each in seen:
        for token in re.findall(r"[A-Za-z0-9+/_-]{8,}", each):
            for start in range(4):
                part = token[start:].replace("-", "+").replace("_", "/")
                if mark.encode() in base64.b64decode(part[: len(part) // 4 * 4]):
                    return True
    return False
