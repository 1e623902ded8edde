"""Runway's HTTP API on loopback: tasks, uploads, the organization, in Runway's own words.

Shapes follow Runway's API document 2024-11-06, words of errors its error pages and public reports.
Failed tasks are refunded, except where the input was refused (SAFETY.INPUT.*); a task canceled while it
ran is billed whole, one that had not started is not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, Literal

from starlette.responses import JSONResponse, Response

from anyvideo.testing.simulator import Ending, Fault, Job, Phase, SimulatedVendor, World, iso
from anyvideo_runway.simulated_rules import USD_PER_CREDIT, issue

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.routing import BaseRoute

DOC_URL: Final = "https://docs.dev.runwayml.com/api"
NO_CREDIT: Final = "You do not have enough credits to run this task."
INVALID: Final = "Validation of body failed"
GONE: Final = "The task does not exist, or was deleted or canceled."

_STATUSES: Final = {
    "queued": "PENDING",
    "running": "RUNNING",
    "succeeded": "SUCCEEDED",
    "failed": "FAILED",
    "canceled": "CANCELLED",
}

_FAILURES: Final[Mapping[str, tuple[str, str]]] = {
    "moderated_input": ("SAFETY.INPUT.TEXT", "The provided prompt was flagged by content moderation."),
    "moderated_output": ("SAFETY.OUTPUT.VIDEO", "The generated video was flagged by content moderation."),
    "failed": ("INTERNAL.BAD_OUTPUT.01", "The generated video did not pass the quality check."),
    "transient": ("THIRD_PARTY.UNAVAILABLE", "An unexpected error occurred."),
}


class Runway(SimulatedVendor):
    """Runway, at `/runway/v1`. `after_delete` is what a read answers once a running task was deleted."""

    name = "runway"
    output_life = timedelta(hours=24)

    def __init__(self, *, after_delete: Literal["gone", "cancelled"] = "gone") -> None:
        self.after_delete = after_delete

    def env(self, base_url: str) -> dict[str, str]:
        return {"RUNWAYML_BASE_URL": base_url, "RUNWAYML_API_SECRET": "key_" + "51a0" * 32}

    def routes(self, world: World) -> Sequence[BaseRoute]:
        from anyvideo_runway.simulated_api import routes

        return routes(world, self)

    def bill(self, job: Job, phase: Phase) -> Decimal | None:
        return Decimal(charged_credits(job, phase)) * USD_PER_CREDIT

    def ending(self, fault: Fault) -> Ending:
        word = "transient" if fault.name == "failed" and fault.params.get("transient") else fault.name
        code, words = _FAILURES[word]
        early = fault.name == "moderated_input"
        return Ending(
            state="failed",
            fault=fault.name,
            words=fault.text("words", words),
            code=fault.text("code", code),
            at=0.05 if early else 1.0,
        )

    def refuse(self, fault: str, model: str | None, params: Mapping[str, object]) -> Response:
        if fault == "model_down":
            told = f"The model '{model}' is not available."
            return error(400, told, issues=[issue("custom", told, "model")])
        if fault == "invalid_request":
            return error(400, INVALID, issues=[issue("invalid_type", "Expected number", "duration")])
        if fault == "rate_limited":
            return _limited(params.get("retry_after", 5))
        if fault == "no_credit":
            return error(400, NO_CREDIT)
        if fault == "unauthorized":
            return JSONResponse({"error": "The API key is invalid or disabled."}, status_code=401)
        if fault == "gone":
            return JSONResponse({"error": GONE}, status_code=404)
        return JSONResponse({"error": "An unexpected error occurred."}, status_code=500)

    def show(self, world: World, request: Request, job: Job, *, status: str | None = None) -> dict[str, Any]:
        phase = world.phase(job)
        throttled = phase.state == "queued" and job.facts["long_queue"]
        word = "THROTTLED" if throttled else _STATUSES[phase.state]
        task: dict[str, Any] = {"id": job.id, "createdAt": iso(job.created_at), "status": status or word}
        if not phase.terminal:
            task["estimatedCost"] = {"credits": job.facts["credits"]}
        else:
            task["cost"] = {"credits": charged_credits(job, phase)}
        if phase.state == "running":
            task["progress"] = round(phase.ran, 2)
        elif phase.state == "succeeded":
            task["output"] = [world.output_url(request, job, fresh=True)]
        elif phase.state == "failed":
            task |= {"failure": job.ending.words, "failureCode": job.ending.code}
        return task

    async def confirm(self, world: World, request: Request, job: Job) -> Response:  # noqa: ARG002
        return JSONResponse({"id": job.id, "estimatedCost": {"credits": job.facts["credits"]}})


def create(*, after_delete: Literal["gone", "cancelled"] = "gone") -> Runway:
    """The simulated vendor that this plugin ships."""
    return Runway(after_delete=after_delete)


def charged_credits(job: Job, phase: Phase) -> int:
    """What a task costs as it stands: reserved in full when accepted, given back by Runway's refund rules."""
    whole = job.facts["credits"]
    assert isinstance(whole, int)
    if phase.state == "failed":
        return whole if (job.ending.code or "").startswith("SAFETY.INPUT") else 0
    return 0 if phase.state == "canceled" and phase.started is None else whole


def error(status: int, message: str, *, issues: list[dict[str, Any]] | None = None) -> Response:
    """An error as Runway writes it."""
    body: dict[str, Any] = {"error": message} | ({"issues": issues} if issues else {}) | {"docUrl": DOC_URL}
    return JSONResponse(body, status_code=status)


def _limited(retry_after: object) -> Response:
    headers = {"retry-after": f"{retry_after:g}"} if isinstance(retry_after, int | float) else {}
    told = "You have reached the limit of daily generations for this model."
    return JSONResponse({"error": told}, status_code=429, headers=headers)
