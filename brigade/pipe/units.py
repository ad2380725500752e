"""Parse sizes, rates and ages."""

import re

from brigade.errors import UsageError

MIB = 1024 * 1024
_SIZES = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12, "ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}
_AGES = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


def parse_size(text: str) -> int:
    """Return the bytes of `64MiB`, `100MB`, `1.5g` or `1000`: `MiB` is a power of 1,024, `MB` and `m` one of 1,000."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt]?i?)b?(?:/s)?", text.strip().lower())
    if not found or found[2] not in _SIZES or (not found[2] and "." in found[1]):  # no unit: a fraction
        raise UsageError(f"{text!r} is no size; it takes 64MiB, 100MB or a number of bytes")
    amount = float(found[1]) if "." in found[1] else int(found[1])  # a float holds 53 bits
    return int(amount * _SIZES[found[2]])


def parse_age(text: str) -> float:
    """Return the seconds of `90s`, `30m`, `12h`, `1d` or `2w`."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhdw])", text.strip().lower())
    if not found:
        raise UsageError(f"{text!r} is no age; it takes 90s, 30m, 12h, 1d or 2w")
    return float(found[1]) * _AGES[found[2]]
