"""Validation of the base URL of an API."""

import pytest

from brigade.urls import is_base_url


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost",
        "https://api.example.com",
        "https://api.example.com.:65535/v1/a%20b/",
        "http://127.0.0.1:4710",
        "http://[::1]:80/x",
        "https://my_service-1.internal",
    ],
)
def test_an_absolute_url_with_a_host_is_a_base_url(url: str) -> None:
    assert is_base_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        " ",
        "api.example.com",
        "//api.example.com",
        "/v1",
        "ftp://api.example.com",
        "https:/api.example.com",
        "https://",
        "https:///v1",
        "https://:443",
        "https://host:",
        "https://host:0",
        "https://host:65536",
        "https://host:port",
        "https://host:-1",
        "https://host..com",
        "https://-host",
        "https://ho st",
        "https://host\n",
        "https://[::1",
        "https://[12]",
        "https://user@host",
        "https://user:pass@host",
        "https://host/a@b",
        "https://host?x=1",
        "https://host/?",
        "https://host#top",
        "https://host/ü",
        "https://" + "a" * 64,
        None,
        7,
    ],
)
def test_anything_else_is_not(url: object) -> None:
    assert not is_base_url(url)
