"""How long a vendor asks to wait, in every form that vendors use and some that they should not."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from anyvideo.net.retry_after import retry_after

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
DATE = "Sat, 21 Nov 2026 12:00:00 GMT"


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": " 7 "}, 7.0),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "120"}, 120.0),
        ({"retry-after": "1000000000"}, 120.0),
        ({"retry-after": "9" * 400}, None),
        ({"retry-after-ms": "1500"}, 1.5),
        ({"retry-after-ms": "250", "retry-after": "60"}, 0.25),
        ({"retry-after-ms": "soon", "retry-after": "60"}, 60.0),
        ({"retry-after": "Sat, 21 Nov 2026 12:00:30 GMT"}, 30.0),
        ({"retry-after": "Saturday, 21-Nov-26 12:00:30 GMT"}, 30.0),
        ({"retry-after": "Sat Nov 21 12:00:30 2026"}, 30.0),
        ({"retry-after": "Sat, 21 Nov 2026 11:00:00 GMT"}, 0.0),
        ({"retry-after": "Sun, 22 Nov 2026 12:00:00 GMT"}, 120.0),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "+5"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "1e3"}, None),
        ({"retry-after": "٣"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Sat, 99 Nov 2026 12:00:00 GMT"}, None),
        ({"retry-after": "2026-11-21T12:00:30Z"}, None),
        ({}, None),
    ],
)
def test_headers(headers: dict[str, str], wait: float | None) -> None:
    assert retry_after(headers, now=NOW) == wait


def test_a_date_counts_from_the_vendors_own_clock() -> None:
    headers = {"retry-after": "Sat, 21 Nov 2026 12:00:30 GMT", "date": DATE}
    wrong_here = datetime(2026, 11, 21, 9, 0, 0, tzinfo=UTC)
    assert retry_after(headers, now=wrong_here) == 30.0
    assert retry_after(headers) == 30.0
    assert retry_after({"retry-after": headers["retry-after"]}) is None, "no clock, no wait"


@pytest.mark.parametrize(
    ("body", "wait"),
    [
        ({"retry_after": 5}, 5.0),
        ({"retry_after": 2.5}, 2.5),
        ({"retry_after": "8"}, 8.0),
        ({"retry_after": 3600}, 120.0),
        ({"retry_after": -1}, None),
        ({"retry_after": True}, None),
        ({"retry_after": None}, None),
        ({"retry_after": [5]}, None),
        ({"retry_after": float("inf")}, None),
        ({"retry_after": 10**400}, None),
        ("retry_after", None),
        (None, None),
    ],
)
def test_bodies(body: Any, wait: float | None) -> None:
    assert retry_after({}, body) == wait


def test_a_header_goes_before_the_body() -> None:
    assert retry_after({"retry-after": "3"}, {"retry_after": 9}) == 3.0
    assert retry_after({"retry-after": "junk"}, {"retry_after": 9}) == 9.0
