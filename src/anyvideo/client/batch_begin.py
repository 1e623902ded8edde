"""When a batch may begin: a moment, or an hour of the day."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta, tzinfo

from anyvideo.types.errors import InvalidRequest

_HOUR = re.compile(r"\d{2}:\d{2}(:\d{2})?(Z|[+-]\d{2}:?\d{2})?")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}([T ].*)?")
_HINT = "like 02:30, 02:30Z, 2026-12-01T02:30 or 2026-12-01T02:30+01:00"


def begin_of(given: object, now: datetime) -> datetime | None:
    """The moment, with a zone: of text an ISO moment, or the next time that the clock shows an hour.

    What has no zone is this machine's wall clock by the rules of that day. Raises InvalidRequest (field
    `not_before`).
    """
    if given is None:
        return None
    try:
        if isinstance(given, datetime):
            return _local(given)
        text = given.strip() if isinstance(given, str) else ""
        if _HOUR.fullmatch(text):
            return _next(time.fromisoformat(text), now)
        if _DAY.fullmatch(text):
            return _local(datetime.fromisoformat(text))
    except (ValueError, OverflowError, OSError):
        pass
    raise InvalidRequest(f"not_before is no time: {given!r}", field="not_before", hint=_HINT)


def _local(moment: datetime) -> datetime:
    """A moment without a zone, with the one that holds here on that day."""
    if moment.tzinfo is not None:
        return moment
    return datetime.fromtimestamp(moment.timestamp(), UTC).astimezone()  # a skipped hour is the one after it


def _next(hour: time, now: datetime) -> datetime:
    """An hour that a day has twice, when the clock is put back, counts twice."""
    zone: tzinfo | None = hour.tzinfo
    today = now.astimezone(zone).date()
    moments = (
        _local(datetime.combine(today + timedelta(days=days), hour.replace(fold=fold)))
        for days in (0, 1)
        for fold in (0, 1)
    )
    return next(moment for moment in moments if moment > now)
