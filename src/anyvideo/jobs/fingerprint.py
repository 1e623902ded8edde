"""When two purchases are the same: same account aside, the same model, inputs and picture."""

from __future__ import annotations

import hashlib
import json

from anyvideo.types.errors import IdempotencyConflict
from anyvideo.types.job import Attempt, Job
from anyvideo.types.plan import Fit
from anyvideo.types.request import Image, VideoRequest


def fingerprint(attempt: Attempt) -> str:
    """The digest of what an attempt asks for."""
    return fit_fingerprint(attempt.fit)


def fit_fingerprint(fit: Fit) -> str:
    """The digest of a fitted request: model, everything that is sent, and the picture."""
    inputs = {name: _same_number(value) for name, value in fit.inputs.items()}
    return _digest([fit.model, inputs, _picture(fit.image)])


def request_fingerprint(request: VideoRequest, models: tuple[str, ...]) -> str:
    """The digest of what a caller asked for."""
    names = VideoRequest.__dataclass_fields__.keys() - {"image"}
    fields = {name: _same_number(getattr(request, name)) for name in names}
    return _digest([fields, list(models), _picture(request.image)])


def job_fingerprint(job: Job) -> str:
    """The digest of what a job's caller asked for."""
    return request_fingerprint(job.request, job.options.models)


def same_request(known: Job, asked: str) -> Job:
    """The job of an idempotency key. Raises IdempotencyConflict where it asked for something else."""
    if job_fingerprint(known) != asked:
        raise IdempotencyConflict(
            f"this idempotency_key belongs to job {known.id}, which asked for something else",
            field="idempotency_key",
            hint="use a new key for a new request",
        )
    return known


def _same_number(value: object) -> object:
    """5 and 5.0 are the same wish, and only one of them survives being stored."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _picture(image: Image | None) -> str | None:
    return None if image is None else image.url or image.sha256


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
