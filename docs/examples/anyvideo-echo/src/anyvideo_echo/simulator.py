"""Echo's HTTP API on loopback. It bills by the second, from its own table, and failed clips are free."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from anyvideo.testing.simulator import (
    Clip,
    Ending,
    Fault,
    Job,
    Offer,
    Phase,
    SimulatedVendor,
    World,
    json_object,
    look,
    sell,
)

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.routing import BaseRoute

USD_PER_SECOND = {"360p": Decimal("0.01"), "720p": Decimal("0.03")}
STATES = {
    "queued": "waiting",
    "running": "drawing",
    "succeeded": "done",
    "failed": "broken",
    "canceled": "stopped",
}
CODES = {"moderated_input": "prompt_refused", "moderated_output": "clip_withheld", "failed": "pencil_broke"}
REFUSALS = {
    "unauthorized": (401, "bad_key"),
    "no_credit": (402, "no_money"),
    "invalid_request": (422, "bad_input"),
    "model_down": (404, "no_such_model"),
    "rate_limited": (429, "too_fast"),
    "gone": (404, "no_such_clip"),
}


class EchoVendor(SimulatedVendor):
    """Echo, at `/echo/v1`."""

    name = "echo"

    def env(self, base_url: str) -> dict[str, str]:
        return {"ECHO_BASE_URL": f"{base_url}/v1", "ECHO_API_KEY": "echo-simulated-key"}

    def routes(self, world: World) -> Sequence[BaseRoute]:
        async def create(request: Request) -> Response:
            body = await json_object(request)
            return await sell(world, self, request, str(body.get("model")), lambda: self._offer(body))

        async def show(request: Request) -> Response:
            return await look(world, self, request, request.path_params["id"])

        async def stop(request: Request) -> Response:
            job = world.job(self, request.path_params["id"])
            if job is None:
                return self.refuse("gone", None, {})
            world.stop(job)
            return JSONResponse(self.show(world, request, job))

        return [
            Route("/v1/clips", world.guard(self, create), methods=["POST"]),
            Route("/v1/clips/{id}", world.guard(self, show), methods=["GET"]),
            Route("/v1/clips/{id}/stop", world.guard(self, stop), methods=["POST"]),
        ]

    def _offer(self, body: Mapping[str, Any]) -> Offer | Response:
        if not body.get("prompt") or body.get("quality") not in USD_PER_SECOND:
            return self.refuse("invalid_request", None, {})
        side = int(body["quality"].removesuffix("p"))
        clip = Clip.shaped(body["seconds"], short_side=side, ratio=body["ratio"])
        return Offer(id=uuid.uuid4().hex, clip=clip, request=body)

    def bill(self, job: Job, phase: Phase) -> Decimal | None:
        if phase.state == "failed":
            return Decimal(0)
        return USD_PER_SECOND[str(job.request["quality"])] * Decimal(str(job.request["seconds"]))

    def ending(self, fault: Fault) -> Ending:
        early = 0.05 if fault.name == "moderated_input" else 1.0
        words = fault.text("words", "it did not work out")
        return Ending(state="failed", fault=fault.name, words=words, code=CODES[fault.name], at=early)

    def refuse(self, fault: str, model: str | None, params: Mapping[str, object]) -> Response:
        status, code = REFUSALS.get(fault, (500, "internal"))
        wait = params.get("retry_after", 5) if fault == "rate_limited" else None
        headers = {} if wait is None else {"retry-after": str(wait)}
        return JSONResponse(
            {"error": {"code": code, "message": f"{model or 'this'}: {code}"}}, status, headers=headers
        )

    def show(self, world: World, request: Request, job: Job, *, status: str | None = None) -> dict[str, Any]:
        phase = world.phase(job)
        fields: dict[str, Any] = {"id": job.id, "state": status or STATES[phase.state], "progress": phase.ran}
        if phase.state == "succeeded":
            fields["video"] = world.output_url(request, job)
        if phase.state == "failed":
            fields |= {"code": job.ending.code, "reason": job.ending.words}
        return fields

    async def confirm(self, world: World, request: Request, job: Job) -> Response:
        return JSONResponse(self.show(world, request, job), status_code=201)


def create() -> EchoVendor:
    """The simulated vendor that this plugin ships."""
    return EchoVendor()
