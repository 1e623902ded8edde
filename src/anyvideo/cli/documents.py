"""The JSON documents of the command line. Their shapes are public: docs/cli.md describes them.

Amounts are decimal strings, times ISO 8601 in UTC, paths text. A key is never left out: unknown is null.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anyvideo.cli.console import as_options
from anyvideo.cli.held import between_attempts, held, next_model
from anyvideo.cli.timeline import Step, steps
from anyvideo.types.errors import AllModelsFailed, AnyVideoError, NoModelFits

if TYPE_CHECKING:
    from anyvideo.catalog.spec import ModelSpec
    from anyvideo.client import ProviderInfo
    from anyvideo.types.job import Attempt, Failure, Job, MediaInfo, Mismatch
    from anyvideo.types.money import Cost, Quote
    from anyvideo.types.plan import Adjustment, Candidate, Plan, Rejection
    from anyvideo.types.video import Video

Document = dict[str, Any]


def amount(value: Decimal | None) -> str | None:
    """Dollars as text, with no exponent."""
    return None if value is None else format(value, "f")


def provider_of(model: str) -> str:
    """The part of a model id before the slash."""
    return model.partition("/")[0]


def video_document(video: Video, *, path: Path, sheet: Path | None) -> Document:
    """What `generate` and `resume` answer."""
    return {
        "job_id": video.job_id,
        "status": "succeeded",
        "provider": video.provider,
        "model": video.model,
        "path": str(path),
        "sheet": None if sheet is None else str(sheet),
        "label": video.label,
        "info": info_document(video.info),
        "cost": cost_document(video.cost),
        "attempts": [attempt_document(attempt) for attempt in video.attempts],
        "adjustments": [adjustment_document(change) for change in video.adjustments],
        "mismatches": [mismatch_document(one) for one in video.mismatches],
        "held": amount(held(video.attempts)),
    }


def job_document(job: Job) -> Document:
    """What `jobs show` and `cancel` answer; `path` is the file in the store, once there is one."""
    model = job.attempt.model if job.attempt else None
    artifact = job.artifact
    return {
        "job_id": job.id,
        "status": str(job.status),
        "provider": None if model is None else provider_of(model),
        "model": model,
        "path": None if artifact is None else str(artifact.path),
        "sheet": None,
        "label": None if artifact is None else artifact.label,
        "info": None if artifact is None else info_document(artifact.info),
        "cost": cost_document(job.cost),
        "attempts": [attempt_document(attempt) for attempt in job.attempts],
        "adjustments": [adjustment_document(change) for change in job.adjustments],
        "mismatches": [] if artifact is None else [mismatch_document(one) for one in artifact.mismatches],
        "created_at": moment(job.created_at),
        "prompt": job.request.prompt,
        "cancel_requested": job.cancel_requested and not job.finished,
        "metadata": dict(job.metadata),
        "error": failure_document(job.failure),
        "held": amount(held(job.attempts)),
        "next_model": following.model if between_attempts(job) and (following := next_model(job)) else None,
        "timeline": [step_document(step) for step in steps(job)],
    }


def step_document(step: Step) -> Document:
    """One write of an attempt; `attempt` counts from 1."""
    return {
        "at": moment(step.at),
        "attempt": step.attempt.number,
        "write": step.write,
        "what": step.words,
    }


def info_document(info: MediaInfo) -> Document:
    """Measured facts; `duration` in seconds, `bytes` the size of the file."""
    return {
        "duration": info.duration,
        "fps": info.fps,
        "width": info.width,
        "height": info.height,
        "codec": info.codec,
        "audio": info.audio,
        "bytes": info.bytes,
        "sha256": info.sha256,
    }


def cost_document(cost: Cost | None) -> Document | None:
    """Money after; null while it is not settled. `amount` of an unknown one is its known part, or null."""
    if cost is None:
        return None
    known = cost.amount if cost.whole or cost.micros else None
    return {"amount": amount(known), "currency": cost.currency, "basis": str(cost.basis)}


def attempt_document(attempt: Attempt) -> Document:
    """One try of one model. `status` is its state, `charged` yes, no or unknown."""
    return {
        "provider": provider_of(attempt.model),
        "model": attempt.model,
        "status": str(attempt.state),
        "provider_job_id": None if attempt.ref is None else attempt.ref.job_id,
        "charged": attempt.charged,
        "cost": cost_document(attempt.cost),
        "error": failure_document(attempt.failure),
    }


def failure_document(failure: Failure | None) -> Document | None:
    """Why an attempt ended; `code` is the vendor's own word."""
    if failure is None:
        return None
    return {"type": failure.kind, "message": failure.message, "code": failure.code}


def adjustment_document(change: Adjustment) -> Document:
    """One thing done otherwise than asked; `given` null where it was dropped."""
    return {"field": change.field, "asked": change.asked, "given": change.given, "reason": change.reason}


def mismatch_document(one: Mismatch) -> Document:
    """One thing that was measured otherwise than ordered, both in words."""
    return {"field": one.field, "ordered": one.ordered, "measured": one.measured}


def plan_document(plan: Plan) -> Document:
    """What `plan` answers."""
    return {
        "candidates": [candidate_document(candidate) for candidate in plan.candidates],
        "rejections": [rejection_document(rejection) for rejection in plan.rejections],
    }


def candidate_document(candidate: Candidate) -> Document:
    """A model that can do it; `missing` says what to set where it is not ready."""
    return {
        "provider": provider_of(candidate.model),
        "model": candidate.model,
        "ready": candidate.ready,
        "missing": candidate.missing,
        "quote": quote_document(candidate.quote),
        "adjustments": [adjustment_document(change) for change in candidate.fit.adjustments],
    }


def quote_document(quote: Quote) -> Document:
    """Money before; null where the price is not known."""
    return {
        "expected": amount(quote.expected),
        "ceiling": amount(quote.ceiling),
        "currency": quote.currency,
        "stale": quote.stale,
    }


def rejection_document(rejection: Rejection) -> Document:
    """A model that cannot do it."""
    return {
        "provider": provider_of(rejection.model),
        "model": rejection.model,
        "reason": as_options(rejection.reason),
        "field": rejection.field,
    }


def spec_document(spec: ModelSpec) -> Document:
    """Every declared fact of a model, under the names that `models.toml` gives them."""
    return {"id": spec.id, "provider": spec.provider, "name": spec.name, **plain(spec)}


def provider_document(info: ProviderInfo) -> Document:
    """One installed plugin; `problem` says why it cannot be used, `missing` what to set."""
    return {
        "provider": info.name,
        "vendor": info.vendor,
        "plugin": info.distribution,
        "version": info.version,
        "ready": info.ready,
        "missing": info.missing,
        "problem": info.problem,
        "models": info.models,
    }


def error_document(error: AnyVideoError, *, job: Job | None = None) -> Document:
    """What every command answers when it fails; where there is a job, with its id, attempts and money."""
    document: Document = {
        "error": {
            "type": type(error).__name__,
            "message": as_options(error.message),
            "field": error.field,
            "hint": None if error.hint is None else as_options(error.hint),
        }
    }
    job_id = job.id if job is not None else getattr(error, "job_id", None)
    if job_id:
        document["job_id"] = job_id
        document["attempts"] = [] if job is None else [attempt_document(one) for one in job.attempts]
        document["cost"] = None if job is None else cost_document(job.cost)
        document["held"] = None if job is None else amount(held(job.attempts))
    if isinstance(error, NoModelFits) and error.plan is not None:
        document |= plan_document(error.plan)
    if isinstance(error, AllModelsFailed) and job is not None:
        document["rejections"] = plan_document(job.plan)["rejections"]
    return document


def plain(value: Any) -> Any:
    """A frozen value as JSON data: dataclasses become objects, sets sorted lists, decimals text."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {part.name: plain(getattr(value, part.name)) for part in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, StrEnum | Path):
        return str(value)
    if isinstance(value, Decimal):
        return amount(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, frozenset | set):
        return sorted(plain(part) for part in value)
    if isinstance(value, Iterable) and not isinstance(value, str | bytes):
        return [plain(part) for part in value]
    return value


def moment(at: datetime) -> str:
    """A time in UTC, to the second."""
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")
