"""What a provider returned, made fit to be kept, counted and shown, before the engine uses any of it.

Numbers are finite and bounded, text is short and every store takes it, dates are of our time, and the key
that was sent is in none of the vendor's words. What cannot be made so counts as not said.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from anyvideo.catalog.prices import MOST_MICROS
from anyvideo.jobs.backends import Backend
from anyvideo.net.sanitize import HIDDEN
from anyvideo.provider import Submission
from anyvideo.types.errors import PROVIDER_ERRORS
from anyvideo.types.job import Failure, Output, Ref, Update, UsageValue
from anyvideo.types.money import Cost

LARGEST = 1e12
LONGEST_MESSAGE = 2_000
LONGEST_WORD = 200
LONGEST_ADDRESS = 20_000
MOST_ENTRIES = 100
LONGEST_WAIT = timedelta(days=30).total_seconds()
_FIRST, _LAST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
_SHORTEST_KEY = 8
"""A shorter key is like an ordinary word: to hide it would spoil every sentence."""

_UNFIT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_BEARER = re.compile(r"\b(bearer|basic|key|token)([\s=:]+)[A-Za-z0-9._~+/=-]{20,}", re.IGNORECASE)


def key_of(backend: Backend) -> str:
    """The key that the backend sends, to be hidden in what comes back; empty where it has none."""
    return backend.context.key.get_secret_value() if backend.context.key is not None else ""


def sane_submission(submission: Submission, key: str = "") -> Submission:
    """See the module."""
    return Submission(ref=sane_ref(submission.ref, key), update=sane_update(submission.update, key))


def sane_ref(ref: Ref, key: str = "") -> Ref:
    """The handle; its id stays as it is wherever it can be kept."""
    extra = {
        _text(name, LONGEST_WORD): _text(value, LONGEST_ADDRESS, key)
        for name, value in list(ref.extra.items())[:MOST_ENTRIES]
    }
    return replace(
        ref, job_id=_text(ref.job_id, LONGEST_ADDRESS), model=_text(ref.model, LONGEST_WORD), extra=extra
    )


def sane_update(update: Update, key: str = "") -> Update:
    """See the module. Idempotent. An implausible cost is dropped: it is then computed or estimated."""
    return replace(
        update,
        native=_text(update.native, LONGEST_WORD, key),
        progress=_between(update.progress, 1.0),
        queue=update.queue if _plausible(update.queue) else None,
        outputs=tuple(_output(output) for output in update.outputs[:MOST_ENTRIES]),
        usage=_usage(update.usage, key),
        reported_cost=_cost(update.reported_cost),
        failure=None if update.failure is None else sane_failure(update.failure, key),
    )


def sane_failure(failure: Failure, key: str = "") -> Failure:
    """See the module. Idempotent."""
    return replace(
        failure,
        kind=failure.kind if failure.kind in PROVIDER_ERRORS else "ServiceError",
        message=_text(failure.message, LONGEST_MESSAGE, key),
        code=None if failure.code is None else _text(failure.code, LONGEST_WORD, key),
        hint=None if failure.hint is None else _text(failure.hint, LONGEST_MESSAGE, key),
        status=failure.status if _plausible(failure.status) else None,
        retry_after=_between(failure.retry_after, LONGEST_WAIT),
    )


def without_key(text: str, key: str) -> str:
    """The text without the key, its parts, its percent-encoded form, and whatever is called a token."""
    parts = {part for part in (key, quote(key, safe=""), *key.split(":")) if len(part) >= _SHORTEST_KEY}
    for part in sorted(parts, key=len, reverse=True):
        text = _without_cut_off(text.replace(part, HIDDEN), part)
    return _BEARER.sub(rf"\1\2{HIDDEN}", text)


def _without_cut_off(text: str, part: str) -> str:
    """A key at the end of a text that was cut is there by its beginning."""
    for length in range(len(part) - 1, _SHORTEST_KEY - 1, -1):
        if text.endswith(part[:length]):
            return text[:-length] + HIDDEN
    return text


def _text(text: str, longest: int, key: str = "") -> str:
    return _UNFIT.sub("\ufffd", without_key(str(text), key) if key else str(text))[:longest]


def _plausible(value: object) -> bool:
    """Whether this is a number that can be counted with."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return 0 <= value <= LARGEST


def _between(value: float | None, most: float) -> float | None:
    return min(value, most) if value is not None and _plausible(value) else None


def _cost(cost: Cost | None) -> Cost | None:
    return cost if cost is not None and 0 <= cost.micros <= MOST_MICROS else None


def _output(output: Output) -> Output:
    return replace(
        output,
        url=None if output.url is None else _text(output.url, LONGEST_ADDRESS),
        expires_at=_date(output.expires_at),
        content_type=None if output.content_type is None else _text(output.content_type, LONGEST_WORD),
    )


def _date(moment: datetime | None) -> datetime | None:
    if moment is None:
        return None
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return aware if _FIRST <= aware <= _LAST else None


def _usage(usage: Mapping[str, UsageValue], key: str) -> dict[str, UsageValue]:
    kept: dict[str, UsageValue] = {}
    for name, value in list(usage.items())[:MOST_ENTRIES]:
        if isinstance(value, str):
            kept[_text(name, LONGEST_WORD, key)] = _text(value, LONGEST_WORD, key)
        elif isinstance(value, bool) or _plausible(value):
            kept[_text(name, LONGEST_WORD, key)] = value
    return kept
