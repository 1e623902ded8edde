"""What a job tells while it runs. One frozen event for each thing that happened, each with an id."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from anyvideo.types.budget import Threshold
from anyvideo.types.job import Failure
from anyvideo.types.money import Cost


class EventKind(StrEnum):
    """What happened."""

    JOB_RECORDED = "job_recorded"
    ATTEMPT_STARTED = "attempt_started"
    ATTEMPT_ACCEPTED = "attempt_accepted"
    PROGRESS = "progress"
    UNKNOWN_WORD = "unknown_word"
    TROUBLE = "trouble"
    ATTEMPT_ENDED = "attempt_ended"
    OUTCOME_UNKNOWN = "outcome_unknown"
    DOWNLOADING = "downloading"
    IMAGE_DROPPED = "image_dropped"
    MISMATCH = "mismatch"
    JOB_ENDED = "job_ended"
    BUDGET_THRESHOLD = "budget_threshold"
    BATCH_PROGRESS = "batch_progress"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Delivered at least once; the same `id` is the same event. `at` is UTC, `progress` from 0 to 1.

    An event of a batch's job has its `batch_id` and the index of its `clip`. BATCH_PROGRESS tells the whole
    batch's progress; its `job_id` is the job that moved it, else the batch's id.
    """

    id: str
    kind: EventKind
    job_id: str
    at: datetime
    model: str | None = None
    state: str | None = None
    native: str | None = None
    progress: float | None = None
    message: str | None = None
    failure: Failure | None = None
    cost: Cost | None = None
    threshold: Threshold | None = None
    batch_id: str | None = None
    clip: int | None = None
