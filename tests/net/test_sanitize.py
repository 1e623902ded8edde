"""What may be shown of an address or a header."""

from __future__ import annotations

import pytest

from anyvideo.net.sanitize import HIDDEN, origin_and_path, origin_of, shown_headers, without_queries


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://cdn.example.com/a/b.mp4?X-Signature=sesame", "https://cdn.example.com/a/b.mp4"),
        ("https://cdn.example.com/a.mp4#sesame", "https://cdn.example.com/a.mp4"),
        ("https://user:sesame@cdn.example.com:8443/a.mp4", "https://cdn.example.com:8443/a.mp4"),
        ("https://[2001:db8::1]:8443/a?sesame", "https://[2001:db8::1]:8443/a"),
        ("data:image/png;base64,sesame", f"data:{HIDDEN}"),
        ("https://[broken?sesame", HIDDEN),
        ("sesame", HIDDEN),
        ("", HIDDEN),
    ],
)
def test_an_address_loses_its_secrets(url: str, shown: str) -> None:
    assert origin_and_path(url) == shown


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://API.example.com/v1", "https://api.example.com:443"),
        ("http://127.0.0.1:8000/x/v1", "http://127.0.0.1:8000"),
        ("http://[::1]:8000", "http://[::1]:8000"),
    ],
)
def test_an_origin_always_has_a_port(url: str, origin: str) -> None:
    assert origin_of(url) == origin


@pytest.mark.parametrize("url", ["", "example.com", "mailto:a@example.com", "https://"])
def test_what_has_no_origin(url: str) -> None:
    with pytest.raises(ValueError, match="host"):
        origin_of(url)


def test_headers_are_hidden_unless_known_to_be_harmless() -> None:
    shown = shown_headers(
        {
            "Authorization": "Bearer sesame",
            "X-Api-Key": "sesame",
            "Set-Cookie": "sesame",
            "X-Brand-New": "sesame",
            "Content-Type": "application/json",
            "Retry-After": "5",
            "Location": "https://cdn.example.com/a?signature=sesame",
        }
    )
    assert "sesame" not in str(shown)
    assert shown["Content-Type"] == "application/json"
    assert shown["Retry-After"] == "5"
    assert shown["Location"] == "https://cdn.example.com/a"
    assert shown["Authorization"] == HIDDEN


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("no https://a.example/b.png?t=sesame&u=1: 403", "no https://a.example/b.png?[hidden] 403"),
        ("'https://a.example/b?t=sesame' is none", "'https://a.example/b?[hidden]' is none"),
        ('{"url": "HTTPS://A.example/b.png#sesame"}', '{"url": "https://a.example/b.png?[hidden]"}'),
        (
            "http://x:sesame@a.example/b http://c.example?s",
            "http://a.example/b?[hidden] http://c.example?[hidden]",
        ),
        ("see https://docs.example/errors or ask? no", "see https://docs.example/errors or ask? no"),
        ("the prompt was refused", "the prompt was refused"),
    ],
)
def test_a_text_loses_the_secrets_of_the_addresses_in_it(text: str, shown: str) -> None:
    assert without_queries(text) == shown
