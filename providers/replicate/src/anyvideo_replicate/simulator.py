"""Replicate's HTTP API on loopback: predictions, models, files, in Replicate's own words.

Shapes follow Replicate's OpenAPI document 1.0.0-a1; words of errors follow replicate.com's pages and
public reports. Public models bill their running time also when canceled, nothing when they fail or
never started (changelog of 2025-10-16, billing page).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from starlette.responses import JSONResponse, Response

from anyvideo.testing.simulator import Ending, Fault, Job, Phase, SimulatedVendor, World, iso, origin
from anyvideo_replicate.simulated_models import Card, by_slug

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.routing import BaseRoute

RETENTION: Final = timedelta(hours=1)
"""Inputs, outputs and logs of API predictions are removed after an hour (data-retention page)."""

_GLANCE_S: Final = 0.05
_STATUSES: Final = {"queued": "starting", "running": "processing"}

_MODERATED_INPUT: Final = "The input was flagged as sensitive. Please try again with different inputs. (E005)"
_MODERATED_OUTPUT: Final = "NSFW content detected. Try running it again, or try a different prompt."
_TRANSIENT: Final = "Prediction interrupted; please retry (code: PA)"
_FAILED: Final = "CUDA out of memory. (E1001)"

_NO_CREDIT: Final = (
    "You have insufficient credit to run this model. Go to https://replicate.com/account/billing#billing"
    " to purchase credit. Once you purchase credit, please wait a few minutes before trying again."
)

_REFUSALS: Final[Mapping[str, tuple[int, str | None, str]]] = {
    "model_down": (422, "Version disabled", "Sorry, this version is currently disabled."),
    "unauthorized": (401, "Unauthenticated", "You did not pass a valid authentication token"),
    "no_credit": (402, "Insufficient credit", _NO_CREDIT),
    "invalid_request": (422, "Input validation failed", "Invalid type. Expected: integer, given: str"),
    "gone": (404, None, "The requested resource could not be found."),
}


class Replicate(SimulatedVendor):
    """Replicate, at `/replicate/v1`."""

    name = "replicate"
    output_life = RETENTION
    expired_status = 404

    def env(self, base_url: str) -> dict[str, str]:
        return {"REPLICATE_BASE_URL": base_url, "REPLICATE_API_TOKEN": "r8_" + "simulated" * 4 + "0"}

    def routes(self, world: World) -> Sequence[BaseRoute]:
        from anyvideo_replicate.simulated_api import routes

        return routes(world, self)

    def bill(self, job: Job, phase: Phase) -> Decimal | None:
        if not phase.terminal:
            return None
        if phase.state == "failed" or phase.started is None:
            return Decimal(0)
        card = card_of(job)
        return card.price(job.request, card.predict_time * phase.ran)

    def ending(self, fault: Fault) -> Ending:
        default = {"moderated_input": _MODERATED_INPUT, "moderated_output": _MODERATED_OUTPUT}.get(
            fault.name, _TRANSIENT if fault.params.get("transient") else _FAILED
        )
        early = fault.name == "moderated_input"
        return Ending(
            state="failed", fault=fault.name, words=fault.text("words", default), at=0.05 if early else 1.0
        )

    def refuse(self, fault: str, model: str | None, params: Mapping[str, object]) -> Response:  # noqa: ARG002
        if fault == "rate_limited":
            return _throttled(params.get("retry_after", 5))
        if fault not in _REFUSALS:
            return problem(500, None, "Internal server error")
        status, title, detail = _REFUSALS[fault]
        if fault != "invalid_request":
            return problem(status, title, detail)
        return invalid([{"type": "invalid_type", "field": "input.seed", "description": detail}])

    def show(self, world: World, request: Request, job: Job, *, status: str | None = None) -> dict[str, Any]:
        phase, card = world.phase(job), card_of(job)
        removed = phase.ended is not None and world.clock.now() - job.moment(phase.ended) > RETENTION
        done = phase.state == "succeeded" and not removed
        here = f"{origin(request)}/{self.name}/v1/predictions/{job.id}"
        return {
            "id": job.id,
            "model": card.slug,
            "version": card.version or "hidden",
            "input": {} if removed else dict(job.request),
            "logs": "" if removed else _logs(phase),
            "output": world.output_url(request, job) if done else None,
            "data_removed": removed,
            "error": (job.ending.words or None) if phase.state == "failed" else None,
            "status": status or _status(job, phase),
            "source": "api",
            "created_at": iso(job.created_at),
            **_times(job, phase, card),
            "urls": {"web": f"https://replicate.com/p/{job.id}", "get": here, "cancel": f"{here}/cancel"},
        }

    async def confirm(self, world: World, request: Request, job: Job) -> Response:
        headers = {"ratelimit-remaining": "599", "ratelimit-reset": "1"}
        wait = re.fullmatch(r"wait(?:=([1-9]|[1-5][0-9]|60))?", request.headers.get("prefer", ""))
        if wait is None:
            return JSONResponse(self.show(world, request, job), status_code=201, headers=headers)
        limit = int(wait[1] or 60)
        await _wait(world, job, limit)
        headers["preference-applied"] = f"wait={limit}"
        status = 201 if world.phase(job).terminal else 202
        return JSONResponse(self.show(world, request, job), status_code=status, headers=headers)


def create() -> Replicate:
    """The simulated vendor that this plugin ships."""
    return Replicate()


async def _wait(world: World, job: Job, limit: float) -> None:
    for _ in range(int(limit / _GLANCE_S)):
        if world.phase(job).terminal:
            return
        await asyncio.sleep(_GLANCE_S)


def card_of(job: Job) -> Card:
    """The model of a job."""
    card = by_slug(job.model)
    assert card is not None, job.model
    return card


def problem(status: int, title: str | None, detail: str, **more: object) -> Response:
    """An error as application/problem+json; some of Replicate's carry no title."""
    body = ({"title": title} if title else {}) | {"detail": detail, "status": status} | more
    return JSONResponse(body, status_code=status, media_type="application/problem+json")


def invalid(wrong: list[dict[str, str]]) -> Response:
    """The answer to a body with these faults."""
    lines = "".join(f"- {one['field'] or '(root)'}: {one['description']}\n" for one in wrong)
    return problem(422, "Input validation failed", lines, invalid_fields=wrong)


def _throttled(retry_after: object) -> Response:
    if not isinstance(retry_after, int | float):
        return problem(429, None, "Request was throttled.")
    detail = f"Request was throttled. Your rate limit resets in ~{retry_after:g}s."
    return problem(429, None, detail, retry_after=retry_after)


def _status(job: Job, phase: Phase) -> str:
    if phase.state == "canceled" and phase.started is None and job.stopped is None:
        return "aborted"
    return _STATUSES.get(phase.state, phase.state)


def _times(job: Job, phase: Phase, card: Card) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if job.deadline is not None:
        found["deadline"] = iso(job.moment(job.deadline))
    if phase.started is not None:
        found["started_at"] = iso(job.moment(phase.started))
    if phase.ended is not None:
        found["completed_at"] = iso(job.moment(phase.ended))
        found["metrics"] = _metrics(job, phase, card)
    return found


def _metrics(job: Job, phase: Phase, card: Card) -> dict[str, Any]:
    computed = card.predict_time * phase.ran
    metrics: dict[str, Any] = {"total_time": round(computed + job.queued_for, 6)}
    if phase.started is not None:
        metrics["predict_time"] = round(computed, 6)
    if card.official and phase.state == "succeeded":
        values = card.filled(job.request)
        metrics["video_output_count"] = 1
        metrics["video_output_duration_seconds"] = float(values["duration"])
        metrics["resolution_target"] = values["resolution"]
    return metrics


def _logs(phase: Phase) -> str:
    if phase.started is None:
        return ""
    step = int(phase.ran * 25)
    bar = "█" * (step * 10 // 25)
    return f"{step * 4:3}%|{bar:<10}| {step}/25 [00:{step:02}<00:{25 - step:02},  1.00s/it]\n"
