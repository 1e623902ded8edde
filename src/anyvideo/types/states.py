"""Where an attempt and a job stand. Everything that affects transitions lives in this file."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class JobStatus(StrEnum):
    """What a caller sees. `unknown`: sent, and nobody can tell whether the provider took it."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    UNKNOWN = "unknown"


class AttemptState(StrEnum):
    """Where one try of one candidate stands."""

    CREATED = "created"
    HELD = "held"
    SENDING = "sending"
    ACCEPTED = "accepted"
    RUNNING = "running"
    OUTPUT_READY = "output_ready"
    DOWNLOADING = "downloading"
    STORED = "stored"
    SETTLED = "settled"
    REJECTED = "rejected"
    UNKNOWN = "unknown"
    FAILED = "failed"
    CANCELED = "canceled"
    EXPIRED = "expired"


_S = AttemptState

TRANSITIONS: Mapping[AttemptState, frozenset[AttemptState]] = {
    _S.CREATED: frozenset({_S.HELD, _S.CANCELED, _S.REJECTED}),
    _S.HELD: frozenset({_S.SENDING, _S.REJECTED, _S.CANCELED}),
    _S.SENDING: frozenset({_S.ACCEPTED, _S.HELD, _S.REJECTED, _S.UNKNOWN}),
    _S.ACCEPTED: frozenset({_S.RUNNING, _S.OUTPUT_READY, _S.FAILED, _S.CANCELED, _S.EXPIRED}),
    _S.RUNNING: frozenset({_S.OUTPUT_READY, _S.FAILED, _S.CANCELED, _S.EXPIRED}),
    _S.OUTPUT_READY: frozenset({_S.DOWNLOADING, _S.FAILED, _S.CANCELED, _S.EXPIRED}),
    _S.DOWNLOADING: frozenset({_S.STORED, _S.OUTPUT_READY, _S.FAILED, _S.CANCELED, _S.EXPIRED}),
    _S.STORED: frozenset({_S.SETTLED}),
    _S.UNKNOWN: frozenset({_S.ACCEPTED, _S.REJECTED, _S.FAILED}),
    _S.SETTLED: frozenset(),
    _S.REJECTED: frozenset(),
    _S.FAILED: frozenset(),
    _S.CANCELED: frozenset(),
    _S.EXPIRED: frozenset(),
}
"""Which state may follow which. `held` follows `sending` only when the vendor provably took nothing."""

TERMINAL = frozenset(state for state, following in TRANSITIONS.items() if not following)
"""States that are never left."""


def allowed(before: AttemptState, after: AttemptState) -> bool:
    """Whether an attempt may go from `before` to `after`. Staying is always allowed unless terminal."""
    return after in TRANSITIONS[before] or (before == after and before not in TERMINAL)
