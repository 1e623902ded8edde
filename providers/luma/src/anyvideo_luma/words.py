"""Luma's words and what they mean."""

from __future__ import annotations

import re
from collections.abc import Mapping

from anyvideo.provider import (
    AuthenticationFailed,
    BadRequest,
    Failure,
    GenerationFailed,
    InputModerated,
    JobStatus,
    ModelUnavailable,
    NoCredit,
    OutputModerated,
    ProviderError,
)

STATUSES: Mapping[str, JobStatus] = {
    "queued": JobStatus.QUEUED,
    "dreaming": JobStatus.RUNNING,
    "completed": JobStatus.SUCCEEDED,
    "failed": JobStatus.FAILED,
}
"""lumaai 1.21.0, types/generation.py; there is no word for canceled or expired."""

_IGNORE = re.IGNORECASE
_FAILURES: tuple[tuple[re.Pattern[str], type[ProviderError], bool], ...] = (
    (re.compile(r"frame moderation", _IGNORE), OutputModerated, False),
    (re.compile(r"moderation failed|blacklisted|not allowed", _IGNORE), InputModerated, False),
    (re.compile(r"failed to read user input", _IGNORE), BadRequest, False),
    (
        re.compile(r"job failed|dispatching job|prompt processing|processing callback", _IGNORE),
        GenerationFailed,
        True,
    ),
)
"""Texts of a failure_reason, first match wins: (pattern, kind, transient).

The texts are those of a copy of docs.lumalabs.ai's errors page and of ComfyUI-LumaAI-API #7; Luma gives no
code, and which of them may be retried is inferred, not documented.
"""

_REFUSALS: tuple[tuple[re.Pattern[str], type[ProviderError]], ...] = (
    (re.compile(r"insufficient credits?|not enough credits?|no credits? left", _IGNORE), NoCredit),
    (re.compile(r"invalid api key", _IGNORE), AuthenticationFailed),
    (re.compile(r"moderation|blacklisted|not allowed", _IGNORE), InputModerated),
    (re.compile(r"\bmodel\b.{0,60}\b(not available|not found|no longer)", _IGNORE), ModelUnavailable),
)
"""Texts of a 4xx `detail`, first match wins. Which status goes with which is documented nowhere."""


def read_failure(text: str | None) -> Failure:
    """What a failed generation says. Failed generations are refunded in full (docs.lumalabs.ai/docs/faq)."""
    said = text or "the generation failed without a reason"
    kind, transient = next(
        ((kind, transient) for pattern, kind, transient in _FAILURES if pattern.search(said)),
        (GenerationFailed, False),
    )
    return Failure.of(kind(said[:500], charged="no", transient=transient, stage="poll"))


def refusal_kind(status: int, detail: str | None) -> type[ProviderError] | None:
    """What a refusal's text means beyond its status; None leaves it to the status."""
    if detail is None or not 400 <= status < 500 or status in (408, 409, 429):
        return None
    return next((kind for pattern, kind in _REFUSALS if pattern.search(detail)), None)
