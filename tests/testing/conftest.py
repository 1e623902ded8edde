"""A vendor that exists nowhere, small enough to read, and servers of it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from anyvideo.testing.simulator import (
    Clip,
    Ending,
    Fault,
    Job,
    ManualClock,
    Offer,
    Phase,
    SimulatedVendor,
    SimulatorServer,
    World,
    browse,
    json_object,
    look,
    sell,
)

WORDS = {
    "model_down": 422,
    "unauthorized": 401,
    "no_credit": 402,
    "invalid_request": 400,
    "rate_limited": 429,
    "gone": 404,
}


class Echo(SimulatedVendor):
    """Half a dollar per finished clip; nothing for the rest."""

    name = "echo"

    def __init__(self) -> None:
        self._numbers = itertools.count(1)

    def env(self, base_url: str) -> dict[str, str]:
        return {"ECHO_BASE_URL": base_url, "ECHO_KEY": "echo-simulated"}

    def routes(self, world: World) -> Sequence[BaseRoute]:
        async def create(request: Request) -> Response:
            body = await json_object(request)

            def check() -> Offer:
                clip = Clip.lasting(body.get("seconds", 1), width=64, height=48, fps=8)
                return Offer(id=f"echo-{next(self._numbers)}", clip=clip, request=body)

            return await sell(world, self, request, str(body.get("model", "e1")), check)

        async def read(request: Request) -> Response:
            return await look(world, self, request, request.path_params["id"])

        async def everything(request: Request) -> Response:
            jobs = browse(world, self)
            return jobs if isinstance(jobs, Response) else JSONResponse([job.id for job in jobs])

        async def cancel(request: Request) -> Response:
            job = world.job(self, request.path_params["id"])
            assert job is not None
            world.stop(job)
            return JSONResponse(self.show(world, request, job))

        return [
            Route("/jobs", world.guard(self, create), methods=["POST"]),
            Route("/jobs", world.guard(self, everything), methods=["GET"]),
            Route("/jobs/{id}", world.guard(self, read), methods=["GET"]),
            Route("/jobs/{id}", world.guard(self, cancel), methods=["DELETE"]),
        ]

    def bill(self, job: Job, phase: Phase) -> Decimal | None:
        if not phase.terminal:
            return None
        return Decimal("0.50") if phase.state == "succeeded" else Decimal(0)

    def ending(self, fault: Fault) -> Ending:
        return Ending(state="failed", fault=fault.name, words=fault.text("words", fault.name))

    def refuse(self, fault: str, model: str | None, params: Mapping[str, object]) -> Response:
        return JSONResponse({"error": fault, **params}, status_code=WORDS.get(fault, 500))

    def show(self, world: World, request: Request, job: Job, *, status: str | None = None) -> dict[str, Any]:
        phase = world.phase(job)
        done = phase.state == "succeeded"
        return {
            "id": job.id,
            "state": status or phase.state,
            "progress": phase.ran,
            "why": job.ending.words,
            "video": world.output_url(request, job) if done else None,
        }

    async def confirm(self, world: World, request: Request, job: Job) -> Response:
        return JSONResponse(self.show(world, request, job), status_code=201)


class EchoClient:
    """A client that does what it is told, once."""

    def __init__(self, url: str) -> None:
        self.http = httpx.Client(base_url=url, headers={"authorization": "Bearer echo-simulated"}, timeout=10)
        self.bare = httpx.Client(timeout=10)

    def buy(self, **body: object) -> httpx.Response:
        return self.http.post("/echo/jobs", json=body)

    def read(self, job_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.http.get(f"/echo/jobs/{job_id}").raise_for_status().json()
        return found

    def close(self) -> None:
        self.http.close()
        self.bare.close()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def server(clock: ManualClock) -> Iterator[SimulatorServer]:
    with SimulatorServer([Echo()], clock=clock) as running:
        yield running


@pytest.fixture
def client(server: SimulatorServer) -> Iterator[EchoClient]:
    client = EchoClient(server.url)
    yield client
    client.close()
