"""An origin is a scheme, a host name and a port; anything else is rejected."""

import pytest

from core.config.origins import Origin, parse_host, parse_origin


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("http://localhost:8501", Origin("http", "localhost", 8501)),
        ("http://localhost", Origin("http", "localhost", 80)),
        ("https://Tuneboard.Example.org", Origin("https", "tuneboard.example.org", 443)),
        ("https://a.example:443", Origin("https", "a.example", 443)),
        ("http://[::1]:8501", Origin("http", "::1", 8501)),
        ("http://[0:0:0:0:0:0:0:1]", Origin("http", "::1", 80)),
    ],
)
def test_an_origin_is_read_with_the_port_of_its_scheme(text: str, origin: Origin) -> None:
    assert parse_origin(text) == origin
    assert parse_origin(str(origin)) == origin


@pytest.mark.parametrize(
    "text",
    [
        "null", "", "http://", "http://:80", "localhost:8501", "//localhost", "ftp://localhost", "file://", "ws://localhost",
        "http://user@localhost", "http://localhost:8501@evil.example", "http://localhost/", "http://localhost:8501/a",
        "http://localhost#x", "http://localhost?x", "http://localhost\\@evil.example", "http://localhost:8501:8501",
        "http://localhost:", "http://localhost:0", "http://localhost:65536", "http://localhost:８５０１", "http://localhost:+80",
        "http://localhost: 80", "http://local host", "http://localhost,http://evil.example", "http://localhost http://evil.example",
        "http://[::1", "http://[::1]8501", "http://[localhost]", "http://[::1%25lo]", "http://*.example.org", "*", "http://*",
        "http://loc\u212aalhost", "http://a%2eb", "http://" + "a" * 400,
    ],
)  # fmt: skip
def test_what_is_not_exactly_an_origin_is_none(text: str) -> None:
    assert parse_origin(text) is None


def test_a_host_is_an_origin_with_the_scheme_of_its_connection() -> None:
    assert parse_host("http", "[::1]:8501") == Origin("http", "::1", 8501)
    assert parse_host("https", "a.example") == Origin("https", "a.example", 443)
    assert parse_host("http", "a.example@evil.example") is None


def test_a_name_with_a_dot_at_its_end_is_another_name() -> None:
    assert parse_origin("http://localhost.:8501") != parse_origin("http://localhost:8501")
