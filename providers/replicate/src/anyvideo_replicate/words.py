"""Replicate's words and what they mean."""

from __future__ import annotations

import re
from collections.abc import Mapping

from anyvideo.provider import (
    Failure,
    GenerationFailed,
    InputModerated,
    JobStatus,
    OutputModerated,
    ProviderError,
    Refusal,
)

STATUSES: Mapping[str, JobStatus] = {
    "starting": JobStatus.QUEUED,
    "processing": JobStatus.RUNNING,
    "succeeded": JobStatus.SUCCEEDED,
    "failed": JobStatus.FAILED,
    "canceled": JobStatus.CANCELED,
    "aborted": JobStatus.CANCELED,
}
"""OpenAPI 1.0.0-a1, schemas_prediction_response; `aborted` ended before it started."""

REFUSALS = (
    Refusal(
        status=429,
        body=r"(?i)\bthrottled\b",
        source="replicate.com/docs/topics/predictions/rate-limits: the request was throttled, not run",
    ),
)

DISABLED_TITLES = frozenset({"Version disabled", "Invalid version or not permitted"})
"""Titles of a 422 that speaks of the model, not of the input (replicate-javascript #307, cog-comfyui #71)."""

RATE_LIMIT_RESET = re.compile(r"resets in ~?(\d+(?:\.\d+)?)\s*s\b")
"""The wait in a 429's text (rate-limits page)."""

_IGNORE = re.IGNORECASE
_FAILURES: tuple[tuple[re.Pattern[str], type[ProviderError], bool], ...] = (
    (re.compile(r"\bE005\b|input.{0,40}\bflagged\b|flagged as sensitive", _IGNORE), InputModerated, False),
    (re.compile(r"\bNSFW\b|output.{0,40}\bflagged\b", _IGNORE), OutputModerated, False),
    (re.compile(r"\bE1000\b|\bcode: PA\b|prediction interrupted", _IGNORE), GenerationFailed, True),
)
"""Texts of a failed prediction, first match wins: (pattern, kind, transient).

E1000 may be retried and E1001 (out of memory) not: replicate.com/docs/reference/error-codes. PA:
replicate-python #135. Content refusals come as free text only, some of it with a code.
"""

_CODE = re.compile(r"\bE\d{3,4}\b|(?<=code: )[A-Z]{2,}")


def read_failure(text: str | None) -> Failure:
    """What a failed prediction's `error` says. Failed runs of public models are not billed (billing page)."""
    said = text or "the prediction failed without a reason"
    code = _CODE.search(said)
    kind, transient = next(
        ((kind, transient) for pattern, kind, transient in _FAILURES if pattern.search(said)),
        (GenerationFailed, False),
    )
    error = kind(
        said[:500], code=code.group() if code else None, charged="no", transient=transient, stage="poll"
    )
    return Failure.of(error)
