"""Luma's Dream Machine HTTP API on loopback, in Luma's own words.

Shapes follow Luma's Dream Machine API document 1.1.0. Prices are per million pixels at 24 frames a
second, as published in April 2026: $0.0064 for ray-2, $0.0022 for ray-flash-2 (ray-2 at 720p for 5 s
is $0.71). A generation is charged when accepted and refunded in full when it fails (docs FAQ). What
deleting an unfinished generation does to its charge is not published; here it stays charged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from starlette.responses import JSONResponse, Response

from anyvideo.testing.simulator import Ending, Fault, Job, Phase, SimulatedVendor, World, iso

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.routing import BaseRoute

USD_PER_MEGAPIXEL: Final = {"ray-2": Decimal("0.0064"), "ray-flash-2": Decimal("0.0022")}
GONE: Final = "Generation not found"
_MICRO: Final = Decimal("0.000001")

_STATES: Final = {"queued": "queued", "running": "dreaming", "succeeded": "completed", "failed": "failed"}

_REASONS: Final[Mapping[str, str]] = {
    "moderated_input": "Advanced prompt moderation failed",
    "moderated_output": "Frame moderation failed",
    "failed": "Failed to read user input frames",
    "transient": "Job failed",
}

_REFUSALS: Final[Mapping[str, tuple[int, str]]] = {
    "unauthorized": (401, "Invalid API key is provided"),
    "no_credit": (400, "Insufficient credits"),
    "invalid_request": (400, "Prompt is too short, minimum length is 3 characters"),
    "gone": (404, GONE),
}


class Luma(SimulatedVendor):
    """Luma, at `/luma/dream-machine/v1`."""

    name = "luma"

    def env(self, base_url: str) -> dict[str, str]:
        return {
            "LUMAAI_BASE_URL": f"{base_url}/dream-machine/v1",
            "LUMAAI_API_KEY": "luma-simulated-0000-key",
        }

    def routes(self, world: World) -> Sequence[BaseRoute]:
        from anyvideo_luma.simulated_api import routes

        return routes(world, self)

    def bill(self, job: Job, phase: Phase) -> Decimal | None:
        if phase.state == "failed":
            return Decimal(0)
        pixels = job.clip.width * job.clip.height * job.clip.frames
        return (USD_PER_MEGAPIXEL[job.model] * pixels / 1_000_000).quantize(_MICRO)

    def ending(self, fault: Fault) -> Ending:
        word = "transient" if fault.name == "failed" and fault.params.get("transient") else fault.name
        early = fault.name == "moderated_input"
        return Ending(
            state="failed",
            fault=fault.name,
            words=fault.text("words", _REASONS[word]),
            at=0.05 if early else 1.0,
        )

    def refuse(self, fault: str, model: str | None, params: Mapping[str, object]) -> Response:
        if fault == "model_down":
            return detail(400, f"400: model {model} is not available")
        if fault == "rate_limited":
            after = params.get("retry_after", 5)
            told = isinstance(after, int | float)
            return detail(429, "Rate limit exceeded", {"retry-after": f"{after:g}"} if told else {})
        status, words = _REFUSALS.get(fault, (500, "Internal Server Error"))
        return detail(status, words)

    def show(self, world: World, request: Request, job: Job, *, status: str | None = None) -> dict[str, Any]:
        phase = world.phase(job)
        done = phase.state == "succeeded"
        return {
            "id": job.id,
            "generation_type": "video",
            "state": status or _STATES[phase.state],
            "failure_reason": job.ending.words if phase.state == "failed" else None,
            "created_at": iso(job.created_at),
            "assets": {"video": world.output_url(request, job)} if done else None,
            "model": job.model,
            "request": {"generation_type": "video", **job.request},
        }

    async def confirm(self, world: World, request: Request, job: Job) -> Response:
        return JSONResponse(self.show(world, request, job), status_code=201)


def create() -> Luma:
    """The simulated vendor that this plugin ships."""
    return Luma()


def detail(status: int, words: str, headers: Mapping[str, str] | None = None) -> Response:
    """An error as Luma writes it."""
    return JSONResponse({"detail": words}, status_code=status, headers=dict(headers or {}))
