"""How long a vendor asks us to wait, read from headers and bodies. Seconds, from 0 to LONGEST."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

LONGEST = 120.0


def retry_after(headers: Mapping[str, str], body: Any = None, *, now: datetime | None = None) -> float | None:
    """The wait that an answer asks for, or None. `headers` have lower-case names.

    Looks at `retry-after-ms`, at `retry-after` as a number or as any of the three HTTP dates (RFC 9110,
    5.6.7), then at a `retry_after` in the JSON body. A date counts from the answer's own `date`, so that a
    wrong clock here does not matter, else from `now`. Nonsense is ignored.
    """
    milliseconds = _seconds(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return _bounded(milliseconds / 1000)
    text = headers.get("retry-after")
    wait = _seconds(text)
    if wait is None and text is not None:
        wait = _until(text, headers.get("date"), now)
    if wait is None and isinstance(body, Mapping):
        wait = _seconds(body.get("retry_after"))
    return None if wait is None else _bounded(wait)


def _bounded(wait: float) -> float:
    return min(wait, LONGEST)


def _seconds(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    if isinstance(value, str) and not (value.isascii() and value.strip().replace(".", "", 1).isdigit()):
        return None
    try:
        number = float(value)
    except (OverflowError, ValueError):
        return None
    return number if math.isfinite(number) and number >= 0 else None


def _until(text: str, answered: str | None, now: datetime | None) -> float | None:
    due = _date(text)
    start = _date(answered) if answered is not None else None
    start = start or now
    if due is None or start is None:
        return None
    return max(0.0, (due - start).total_seconds())


def _date(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    return date if date.tzinfo is not None else date.replace(tzinfo=UTC)
