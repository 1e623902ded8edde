"""Runway's words and what they mean."""

from __future__ import annotations

import re
from collections.abc import Mapping

from anyvideo.provider import (
    BadRequest,
    Charged,
    Failure,
    GenerationFailed,
    InputModerated,
    JobStatus,
    OutputModerated,
    ProviderError,
    Refusal,
)

STATUSES: Mapping[str, JobStatus] = {
    "PENDING": JobStatus.QUEUED,
    "THROTTLED": JobStatus.QUEUED,
    "RUNNING": JobStatus.RUNNING,
    "SUCCEEDED": JobStatus.SUCCEEDED,
    "FAILED": JobStatus.FAILED,
    "CANCELLED": JobStatus.CANCELED,
}
"""runwayml 5.24.0, types/task_retrieve_response.py; THROTTLED is queued over the account's concurrency."""

REFUSALS = (
    Refusal(
        status=429,
        source="docs.dev.runwayml.com/usage/tiers: over the daily cap a request is turned down with 429",
    ),
)

NO_CREDIT = re.compile(r"(?i)\bnot (have )?enough credits\b|\binsufficient credits?\b")
"""A 400 that means an empty account (sdk-node issue #28); 402 is not documented."""

_FAILURES: tuple[tuple[str, type[ProviderError], Charged, bool], ...] = (
    ("SAFETY.INPUT", InputModerated, "yes", False),
    ("SAFETY.OUTPUT", OutputModerated, "unknown", False),
    ("SAFETY", InputModerated, "unknown", False),
    ("INPUT_PREPROCESSING.SAFETY", InputModerated, "unknown", False),
    ("INPUT_PREPROCESSING.INTERNAL", GenerationFailed, "no", True),
    ("INTERNAL.BAD_OUTPUT", GenerationFailed, "no", False),
    ("ASSET.INVALID", BadRequest, "no", False),
    ("THIRD_PARTY.UNAVAILABLE", GenerationFailed, "no", True),
    ("INTERNAL", GenerationFailed, "no", True),
)
"""Prefixes of a failureCode, first match wins: (prefix, kind, charged, transient).

docs.dev.runwayml.com/errors/task-failures; refunds as third parties quote it. Where sources disagree
`charged` is unknown, and the task's own `cost.credits` decides in every case that has it.
"""

_UNHEARD_OF: tuple[type[ProviderError], Charged, bool] = (GenerationFailed, "unknown", False)

_MESSAGES: Mapping[type[ProviderError], str] = {
    InputModerated: "Runway refused the prompt or the image",
    OutputModerated: "Runway made the clip and withheld it",
    BadRequest: "Runway cannot use the image",
}


def read_failure(code: str | None, text: str | None, spent: float | None) -> Failure:
    """What a failed task says; `spent` is in credits. One without a code failed inside Runway: refunded."""
    word = code or "INTERNAL"
    kind, charged, transient = next(
        (
            (kind, charged, transient)
            for prefix, kind, charged, transient in _FAILURES
            if word == prefix or word.startswith(f"{prefix}.")
        ),
        _UNHEARD_OF,
    )
    if spent is not None:
        charged = "yes" if spent else "no"
    return Failure(
        kind=kind.__name__,
        message=(_MESSAGES.get(kind) or text or "the task failed without a reason")[:500],
        code=code,
        stage="poll",
        charged=charged,
        transient=transient,
    )
