"""The calls that vendors share, with the faults that can strike in them: buy a job, read it, list them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from anyvideo.testing.simulator.jobs import Job
from anyvideo.testing.simulator.vendor import Offer, SimulatedVendor
from anyvideo.testing.simulator.wire import CutJSON, Dropped
from anyvideo.testing.simulator.world import World

Check = Callable[[], Offer | Response]
"""The vendor's validation: an offer, or the answer that refuses the request."""


async def sell(world: World, vendor: SimulatedVendor, request: Request, model: str, check: Check) -> Response:
    """Answer a call that buys a generation; the request's body must have been read."""
    delay = world.faults.take(vendor.name, model, "delay")
    if delay is not None:
        await asyncio.sleep(delay.seconds())
    refusal = world.faults.take(vendor.name, model, "create")
    if refusal is not None:
        if refusal.name == "disconnect_before_accept":
            return Dropped(world.hang_up)
        return vendor.refuse(refusal.name, model, refusal.params)
    offer = check()
    if isinstance(offer, Response):
        return offer
    job = world.accept(vendor, model, offer)
    return await _answer(world, vendor, request, job)


async def _answer(world: World, vendor: SimulatedVendor, request: Request, job: Job) -> Response:
    fault = world.faults.take(vendor.name, job.model, "answer")
    if fault is None:
        return await vendor.confirm(world, request, job)
    if fault.name == "disconnect_after_accept":
        return Dropped(world.hang_up)
    if fault.name == "error_500_after_accept":
        refusal = vendor.refuse(fault.name, job.model, fault.params)
        refusal.status_code = fault.status()
        return refusal
    if fault.name == "slow_answer":
        await asyncio.sleep(fault.seconds())
        return await vendor.confirm(world, request, job)
    answer = await vendor.confirm(world, request, job)
    half = bytes(answer.body)[: len(answer.body) // 2]
    return Response(half, status_code=answer.status_code, media_type="application/json")


async def look(world: World, vendor: SimulatedVendor, request: Request, job_id: str) -> Response:
    """Answer a call that reads one job."""
    job = world.job(vendor, job_id)
    if job is None:
        return vendor.refuse("gone", None, {})
    fault = world.faults.take(vendor.name, job.model, "poll")
    if fault is None:
        return JSONResponse(vendor.show(world, request, job))
    if fault.name == "unknown_status":
        word = fault.text("word", "waiting_for_the_moon")
        return JSONResponse(vendor.show(world, request, job, status=word))
    if fault.name == "malformed_poll":
        return CutJSON(vendor.show(world, request, job))
    return vendor.refuse(fault.name, job.model, fault.params)


def browse(world: World, vendor: SimulatedVendor) -> list[Job] | Response:
    """The vendor's jobs, newest first, or the answer that refuses to list them."""
    jobs = world.jobs_of(vendor)
    fault = world.faults.take(vendor.name, None, "list")
    if fault is None:
        return jobs
    if fault.name == "list_late":
        return [job for job in jobs if world.elapsed(job) >= fault.seconds()]
    return vendor.refuse(fault.name, None, fault.params)
