"""The base URL of an API, as declarations, settings and the environment take it."""

import re
from urllib.parse import urlsplit

BASE_URL = "http(s)://host[:port][/path], with a port of 1 to 65535 and no user, password, query or fragment"
"""The form of a base URL, for errors."""
_LABEL = "[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_FORM = re.compile(rf"https?://(?:\[[0-9A-Fa-f:.]+\]|{_LABEL}(?:\.{_LABEL})*\.?)(?::[0-9]{{1,5}})?(?:/[!-~]*)?")


def is_base_url(url: object) -> bool:
    """Return whether a value of a declaration, a setting or the environment is a base URL."""
    if not isinstance(url, str) or not _FORM.fullmatch(url) or set("@?#").intersection(url):
        return False
    try:
        return urlsplit(url).port != 0
    except ValueError:  # the port is above 65535, or the brackets hold no address
        return False
